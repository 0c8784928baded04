"""Suggested thresholds of a trained bundle, chosen on the development split; the default policy uses them."""

from collections.abc import Mapping
from dataclasses import dataclass

from model.bundle import UNSUGGESTED
from model.training.acting import due, with_together
from model.training.calibrate import thresholds_for, together_for
from model.training.metrics import Flags, Floats
from schemas.taxonomy import ANY, NON_TOXIC, Taxonomy


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Thresholds, and their origin for categories with too few lines for one of their own."""

    thresholds: Mapping[str, float]
    """By category, and for ``any`` of them together."""
    borrowed: tuple[str, ...]
    """Categories without a threshold of their own that reaches the precision."""
    precision: float

    @property
    def said(self) -> str:
        """A one-sentence note for the user; empty if every category has a threshold of its own."""
        if not self.borrowed:
            return ""
        names = ", ".join(self.borrowed)
        lowest = min(self.thresholds[name] for name in self.borrowed)
        return (
            f"no threshold of their own reaches precision {self.precision:g} on the development lines: {names}; "
            f"the default policy acts on them from {lowest:g} on, whatever its precision"
        )


def suggest(
    precision: float,
    shares: Floats,
    allowed: Flags,
    names: tuple[str, ...],
    taxonomy: Taxonomy,
    before: Mapping[str, float],
) -> Suggestion:
    """Suggest thresholds.

    By category, and for any of them together with those.  A category of a severity above 0 that has no threshold of its
    own takes that of the sum of all scores, as in the recipe: without one it would never be acted on.  If the sum has
    none either, the category keeps the threshold of before, or takes ``UNSUGGESTED``.

    Args:
        precision: target, 0 to 1.
        shares: [rows, outputs].
        allowed: True for each output that a row's label may stand for, [rows, outputs].
        names: of the outputs' categories, beginning with ``non_toxic``.
        taxonomy: gives their severities.
        before: thresholds that the network was used with before it was trained on, by category.
    """
    own = dict(thresholds_for(precision, shares[:, 1:], allowed[:, 1:], names[1:]))
    severe = {category.name for category in taxonomy.categories if category.severity}
    borrowed = tuple(name for name in names[1:] if name in severe and name not in own)
    lent = _of_the_sum(precision, shares, allowed, names, severe)
    limits = own | {name: before.get(name, UNSUGGESTED) if lent is None else lent for name in borrowed}
    together = together_for(precision, shares, due(allowed, limits, names), limits, names)
    if together is None and lent is None and not own:
        together = before.get(ANY)
    return Suggestion(with_together(limits, together), borrowed, precision)


def _of_the_sum(
    precision: float, shares: Floats, allowed: Flags, names: tuple[str, ...], severe: set[str]
) -> float | None:
    places = [place for place, name in enumerate(names) if name in severe]
    summed = shares[:, places].sum(axis=1, keepdims=True).clip(0, 1)
    toxic = allowed[:, places].any(axis=1) & ~allowed[:, names.index(NON_TOXIC)]
    return thresholds_for(precision, summed, toxic[:, None], (ANY,)).get(ANY)
