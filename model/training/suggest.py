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
    lent: float
    """Their threshold: that of all scores together, or ``UNSUGGESTED`` if there is none either."""
    precision: float

    @property
    def said(self) -> str:
        """A one-sentence note for the user; empty if every category has a threshold of its own."""
        if not self.borrowed:
            return ""
        names = ", ".join(self.borrowed)
        return (
            f"no threshold of their own reaches precision {self.precision:g} on the development lines: {names}; "
            f"the default policy acts on them from {self.lent:g} on, whatever its precision"
        )


def suggest(precision: float, shares: Floats, allowed: Flags, names: tuple[str, ...], taxonomy: Taxonomy) -> Suggestion:
    """Suggest thresholds.

    By category, and for any of them together with those.  A category of a severity above 0 that has no threshold of its
    own takes that of the sum of all scores, as in the recipe: without one it would never be acted on.

    Args:
        precision: target, 0 to 1.
        shares: [rows, outputs].
        allowed: True for each output that a row's label may stand for, [rows, outputs].
        names: of the outputs' categories, beginning with ``non_toxic``.
        taxonomy: gives their severities.
    """
    own = dict(thresholds_for(precision, shares[:, 1:], allowed[:, 1:], names[1:]))
    severe = {category.name for category in taxonomy.categories if category.severity}
    borrowed = tuple(name for name in names[1:] if name in severe and name not in own)
    lent = _of_the_sum(precision, shares, allowed, names, severe)
    limits = own | dict.fromkeys(borrowed, lent)
    together = together_for(precision, shares, due(allowed, limits, names), limits, names)
    thresholds = with_together(limits, together)
    return Suggestion(thresholds, borrowed, min((thresholds[name] for name in borrowed), default=lent), precision)


def _of_the_sum(precision: float, shares: Floats, allowed: Flags, names: tuple[str, ...], severe: set[str]) -> float:
    places = [place for place, name in enumerate(names) if name in severe]
    summed = shares[:, places].sum(axis=1, keepdims=True).clip(0, 1)
    toxic = allowed[:, places].any(axis=1) & ~allowed[:, names.index(NON_TOXIC)]
    return thresholds_for(precision, summed, toxic[:, None], (ANY,)).get(ANY, UNSUGGESTED)
