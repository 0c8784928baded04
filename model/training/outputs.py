"""The categories that the network has outputs for, and its training arrays."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from model.training.labels import Target
from model.training.metrics import Flags, Floats
from schemas.taxonomy import NON_TOXIC, Taxonomy

Weighting = Literal["none", "root", "balanced"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the head of a base says already."""

    categories: tuple[str, ...] = ()
    """The category that each row of the head counts for, by name."""
    temperature: float = 1.0
    """What the base divides its logits by."""
    acting: frozenset[str] = frozenset()
    """The categories that the base's default policy acts on."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """What the base suggests to act from, by category."""


NOTHING: Final = Known()
"""A base whose head, if it has one, says nothing about our categories."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The network's outputs, in order; several may count for the same category, and their probabilities add up."""

    categories: tuple[int, ...]
    """Position of each output's category."""
    names: tuple[str, ...]
    rows: tuple[int | None, ...] = ()
    """The row of the base's head that each output starts as; None for a new one, empty if all are new."""

    def allowed(self, targets: Sequence[Target]) -> Flags:
        """Return which outputs each target may stand for, [rows, outputs]."""
        flags: Flags = np.array(
            [[category in target.categories for category in self.categories] for target in targets], dtype=np.bool_
        )
        return flags.reshape(len(targets), len(self.categories))

    def spread(self, shares: Floats, categories: int) -> Floats:
        """Add up the probabilities by output at their categories' positions, [rows, categories]."""
        scores: Floats = shares @ np.eye(categories)[list(self.categories)]
        return scores

    def labels(self, taxonomy: Taxonomy) -> dict[str, str]:
        """Return the category that each output counts for, by the output's name."""
        return {name: taxonomy.names[place] for name, place in zip(self.names, self.categories, strict=True)}


def outputs_for(targets: Sequence[Target], taxonomy: Taxonomy, known: Known = NOTHING) -> Outputs:
    """Choose the outputs: those of the base that have a place in the taxonomy, and those that the targets need.

    The targets need ``non_toxic``, and every category that some target names alone.  If a target names only
    categories that have no output, its first one is chosen too.
    """
    chosen = {taxonomy.names.index(NON_TOXIC)}
    chosen |= {taxonomy.names.index(name) for name in known.categories if name in taxonomy.names}
    chosen |= {target.categories[0] for target in targets if len(target.categories) == 1}
    for target in targets:
        if chosen.isdisjoint(target.categories):
            chosen.add(target.categories[0])
    offences = [place for place in chosen if taxonomy.categories[place].severity]
    heir = offences[0] if len(offences) == 1 else None
    found = [_place(name, known, taxonomy, heir) for name in known.categories]
    kept = [(category, row) for row, category in enumerate(found) if category is not None]
    added = [(category, None) for category in chosen.difference(category for category, _ in kept)]
    ordered = sorted([*kept, *added], key=lambda each: each[0])
    categories = tuple(category for category, _ in ordered)
    return Outputs(categories, _names(categories, taxonomy), tuple(row for _, row in ordered) if kept else ())


def _place(name: str, known: Known, taxonomy: Taxonomy, heir: int | None) -> int | None:
    """Return the place in the taxonomy of one of the base's categories, None if it has none.

    It is that of the same name.  Where there is none, what the base does not act on is ``non_toxic``, and what it
    acts on is the heir: the only category of a severity above 0, if the base does not know that one.
    """
    if name in taxonomy.names:
        return taxonomy.names.index(name)
    if name not in known.acting:
        return taxonomy.names.index(NON_TOXIC)
    return None if heir is None or taxonomy.names[heir] in known.categories else heir


def _names(categories: Sequence[int], taxonomy: Taxonomy) -> tuple[str, ...]:
    """Name outputs by their category, further ones of a category with their number."""
    counted = [categories[:place].count(category) + 1 for place, category in enumerate(categories)]
    return tuple(
        taxonomy.names[category] if number == 1 else f"{taxonomy.names[category]}, {number}"
        for category, number in zip(categories, counted, strict=True)
    )


def row_weights(targets: Sequence[Target], weighting: Weighting) -> Floats:
    """Return each row's weight: its set's times its class's, 1 on average."""
    weights = np.array([target.weight for target in targets], dtype=np.float64)
    if weighting != "none":
        frequency = Counter(target.categories for target in targets)
        rarity = np.array([len(targets) / frequency[target.categories] for target in targets])
        weights *= rarity if weighting == "balanced" else np.sqrt(rarity)
    normalised: Floats = weights / weights.mean()
    return normalised
