"""The categories that the network has outputs for, and its training arrays."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from model.training.labels import Target
from model.training.metrics import Flags, Floats
from schemas.taxonomy import NON_TOXIC, Taxonomy

Weighting = Literal["none", "root", "balanced"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The network's outputs: positions of categories, in order."""

    categories: tuple[int, ...]
    names: tuple[str, ...]

    def allowed(self, targets: Sequence[Target]) -> Flags:
        """Return which outputs each target may stand for, [rows, outputs]."""
        flags: Flags = np.zeros((len(targets), len(self.categories)), dtype=np.bool_)
        column = {category: place for place, category in enumerate(self.categories)}
        for row, target in enumerate(targets):
            flags[row, [column[category] for category in target.categories if category in column]] = True
        return flags

    def spread(self, shares: Floats, categories: int) -> Floats:
        """Place probabilities by output at their categories' positions, [rows, categories]."""
        scores: Floats = np.zeros((len(shares), categories))
        scores[:, list(self.categories)] = shares
        return scores


def outputs_for(targets: Sequence[Target], taxonomy: Taxonomy) -> Outputs:
    """Choose the categories that get an output: non_toxic, and those that some target names alone.

    If a target names only categories that no target names alone, its first one is chosen too.
    """
    chosen = {taxonomy.names.index(NON_TOXIC)}
    chosen |= {target.categories[0] for target in targets if len(target.categories) == 1}
    for target in targets:
        if chosen.isdisjoint(target.categories):
            chosen.add(target.categories[0])
    ordered = tuple(sorted(chosen))
    return Outputs(ordered, tuple(taxonomy.names[place] for place in ordered))


def row_weights(targets: Sequence[Target], weighting: Weighting) -> Floats:
    """Return each row's weight: its set's times its class's, 1 on average."""
    weights = np.array([target.weight for target in targets], dtype=np.float64)
    if weighting != "none":
        frequency = Counter(target.categories for target in targets)
        rarity = np.array([len(targets) / frequency[target.categories] for target in targets])
        weights *= rarity if weighting == "balanced" else np.sqrt(rarity)
    normalised: Floats = weights / weights.mean()
    return normalised
