"""Suggested thresholds of a trained bundle, chosen on the development split; the default policy uses them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from model.bundle import UNSUGGESTED
from model.training.acting import due, with_together
from model.training.calibrate import thresholds_for, together_for
from model.training.metrics import Flags, Floats
from model.training.outputs import Known
from schemas.taxonomy import ANY, NON_TOXIC, Taxonomy

PROMISED: Final = 20
"""How many lines the calibrated scores count for beside the development lines.

On draws of 125 GameTox lines scored by the shipped bundle, whose thresholds for the sum were then measured on the other
3,000 (target .90), the middle 80 % of precisions were .87 to .94 instead of .83 to .94, of recalls .38 to .66 instead
of .25 to .71; with 25 lines a threshold was found in 57 of 60 draws instead of 26.
"""

SETTLING: Final = 50
"""Development lines to act on that it takes to replace the thresholds that a base was used with before.

Those were chosen on thousands of lines.  After training on 87 GameTox lines, the shipped bundle's acted on 62 % of the
held-out toxic lines at a precision of .90; those that the 13 development lines suggest, on 14 % at .94.
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Thresholds, and their origin for categories with too few lines for one of their own."""

    thresholds: Mapping[str, float]
    """By category, and for ``any`` of them together."""
    borrowed: tuple[str, ...]
    """Categories without a threshold of their own that reaches the precision."""
    harmless: tuple[str, ...]
    """Categories with a severity and no threshold, because the lines do not tell them from ``non_toxic``."""
    precision: float
    stayed: bool = False
    """Whether the thresholds are those of before."""

    @property
    def said(self) -> str:
        """A note for the user; empty if every category that matters has a threshold of its own."""
        return "; ".join(filter(None, (self._kept(), self._lent(), self._untold())))

    def _kept(self) -> str:
        if not self.stayed:
            return ""
        return (
            f"fewer than {SETTLING} development lines are to be acted on: the thresholds of the base stay, whatever "
            f"their precision on your lines ({self.precision:g} is not applied)"
        )

    def _lent(self) -> str:
        if not self.borrowed:
            return ""
        names, lowest = ", ".join(self.borrowed), min(self.thresholds[name] for name in self.borrowed)
        if self.stayed:
            return f"it has none for {names}, on which the default policy acts from {lowest:g} on"
        return (
            f"no threshold of their own reaches precision {self.precision:g} on the development lines: {names}; "
            f"the default policy acts on them from {lowest:g} on, whatever its precision"
        )

    def _untold(self) -> str:
        names = ", ".join(self.harmless)
        return names and f"not acted on, as labels of the development lines mean them or {NON_TOXIC}: {names}"


def suggest(
    precision: float, shares: Floats, allowed: Flags, names: tuple[str, ...], taxonomy: Taxonomy, known: Known
) -> Suggestion:
    """Suggest thresholds.

    By category, and for any of them together with those.  None is suggested for a category of severity 0, or for one
    that a label may mean as well as ``non_toxic``: the lines then say that it is part of the game.  Any other that has
    no threshold of its own takes that of the sum of all their scores, as in the recipe: without one it would never be
    acted on.  If the sum has none either, the category takes ``UNSUGGESTED``.  With fewer than ``SETTLING`` lines to
    act on, the thresholds of a base that has some for what is to be acted on stay.

    Args:
        precision: target, 0 to 1.
        shares: [rows, categories].
        allowed: True for each category that a row's label may stand for, [rows, categories].
        names: of the categories.
        taxonomy: gives their severities.
        known: the base, with the thresholds that it was used with.
    """
    severe = {category.name for category in taxonomy.categories if category.severity}
    confused: Flags = np.logical_or.reduce(allowed[allowed[:, names.index(NON_TOXIC)]], axis=0)
    harmless = tuple(name for place, name in enumerate(names) if name in severe and confused[place])
    acting = tuple(name for name in names if name in severe and name not in harmless)
    places = [names.index(name) for name in acting]
    toxic: Flags = np.logical_or.reduce(allowed[:, places], axis=1, keepdims=True)
    before = _before(known, acting)
    if before and toxic.sum() < SETTLING:
        borrowed = tuple(name for name in before if name not in known.thresholds)
        return Suggestion(with_together(before, known.thresholds.get(ANY)), borrowed, harmless, precision, stayed=True)
    own = dict(thresholds_for(precision, shares[:, places], allowed[:, places], acting, promised=PROMISED))
    borrowed = tuple(name for name in acting if name not in own)
    summed = shares[:, places].sum(axis=1, keepdims=True).clip(0, 1)
    lent = thresholds_for(precision, summed, toxic, (ANY,), least=1, promised=PROMISED).get(ANY)
    limits = own | dict.fromkeys(borrowed, UNSUGGESTED if lent is None else lent)
    wanted = due(allowed, limits, names)
    together = together_for(precision, shares, wanted, limits, names, least=1, promised=PROMISED)
    return Suggestion(with_together(limits, together), borrowed, harmless, precision)


def _before(known: Known, acting: Sequence[str]) -> dict[str, float]:
    """Return the base's thresholds for these categories; none if it has none for one of them.

    A category that the base does not know takes that of any.  One that it knows and does not act on stays without.
    """
    idle = set(known.categories).difference(known.acting)
    limits = {name: known.thresholds.get(name, known.thresholds.get(ANY)) for name in acting if name not in idle}
    found = {name: limit for name, limit in limits.items() if limit is not None}
    return found if len(found) == len(limits) else {}
