"""Suggested thresholds of a trained bundle, chosen on the development split; the default policy uses them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from model.bundle import UNSUGGESTED
from model.training.acting import due, with_together
from model.training.calibrate import thresholds_for, together_for
from model.training.metrics import Flags, Floats
from schemas.taxonomy import ANY, NON_TOXIC, Taxonomy

PROMISED: Final = 20
"""How many lines the calibrated scores count for beside the development lines, in the threshold of their sum.

On draws of 125 GameTox lines scored by the shipped bundle, whose thresholds were then measured on the other 3,000
(target .90), the middle 80 % of precisions were .87 to .94 instead of .83 to .94, of recalls .38 to .66 instead of
.25 to .71; with 25 lines a threshold was found in 57 of 60 draws instead of 26.
"""


SETTLING: Final = 50
"""Development lines to act on that it takes to replace the thresholds that a base was used with before.

Those were chosen on thousands of lines.  After training on 80 GameTox lines, the shipped bundle's acted on 60 % of the
held-out toxic lines at a precision of .91; those that the 20 development lines suggest, on 14 %.
"""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Thresholds, and their origin for categories with too few lines for one of their own."""

    thresholds: Mapping[str, float]
    """By category, and for ``any`` of them together."""
    borrowed: tuple[str, ...]
    """Categories without a threshold of their own that reaches the precision."""
    precision: float
    stayed: bool = False
    """Whether the thresholds are those of before."""

    @property
    def said(self) -> str:
        """A one-sentence note for the user; empty if every category has a threshold of its own."""
        names = ", ".join(self.borrowed)
        lowest = min((self.thresholds[name] for name in self.borrowed), default=UNSUGGESTED)
        if self.stayed:
            kept = f"fewer than {SETTLING} development lines are to be acted on: the thresholds of the base stay"
            return kept + (
                f"; it has none for {names}, on which the default policy acts from {lowest:g} on" * bool(names)
            )
        if not names:
            return ""
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

    By category, and for any of them together with those.  None is suggested for a category of severity 0, or for one
    that a label may mean as well as ``non_toxic``: the lines then say that it is part of the game.  Any other that has
    no threshold of its own takes that of the sum of all their scores, as in the recipe: without one it would never be
    acted on.  If the sum has none either, the category takes ``UNSUGGESTED``.  With fewer than ``SETTLING`` lines to
    act on, thresholds of before stay.

    Args:
        precision: target, 0 to 1.
        shares: [rows, outputs].
        allowed: True for each output that a row's label may stand for, [rows, outputs].
        names: of the outputs' categories, beginning with ``non_toxic``.
        taxonomy: gives their severities.
        before: thresholds that the network was used with before it was trained on, by category.
    """
    severe = {category.name for category in taxonomy.categories if category.severity}
    harmless: Flags = np.logical_or.reduce(allowed[allowed[:, names.index(NON_TOXIC)]], axis=0)
    places = [place for place, name in enumerate(names) if name in severe and not harmless[place]]
    acting = tuple(names[place] for place in places)
    toxic: Flags = np.logical_or.reduce(allowed[:, places], axis=1, keepdims=True)
    if before and toxic.sum() < SETTLING:
        return _kept(before, acting, precision)
    own = dict(thresholds_for(precision, shares[:, places], allowed[:, places], acting))
    borrowed = tuple(name for name in acting if name not in own)
    summed = shares[:, places].sum(axis=1, keepdims=True).clip(0, 1)
    lent = thresholds_for(precision, summed, toxic, (ANY,), least=1, promised=PROMISED).get(ANY)
    limits = own | dict.fromkeys(borrowed, UNSUGGESTED if lent is None else lent)
    wanted = due(allowed, limits, names)
    together = together_for(precision, shares, wanted, limits, names, least=1, promised=PROMISED)
    return Suggestion(with_together(limits, together), borrowed, precision)


def _kept(before: Mapping[str, float], acting: Sequence[str], precision: float) -> Suggestion:
    """Keep the thresholds of before; a category that had none takes that of any."""
    limits = {name: before.get(name, before.get(ANY, UNSUGGESTED)) for name in acting}
    borrowed = tuple(name for name in acting if name not in before)
    return Suggestion(with_together(limits, before.get(ANY)), borrowed, precision, stayed=True)
