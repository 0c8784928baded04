"""What a bundle's suggested thresholds act on, over many scores at once; ``model.policy`` decides alike, one by one."""

from collections.abc import Mapping, Sequence

import numpy as np

from model.training.metrics import Flags, Floats
from schemas.taxonomy import ANY
from schemas.verdict import SCORE_DECIMALS


def together(scores: Floats, limits: Mapping[str, float], names: Sequence[str]) -> Floats:
    """Return the sum of the scores of the categories that have limits, (texts,), on the published grid."""
    places = [names.index(name) for name in limits if name != ANY]
    summed: Floats = scores[:, places].sum(axis=1).round(SCORE_DECIMALS)
    return summed


def acted_on(scores: Floats, limits: Mapping[str, float], names: Sequence[str]) -> Flags:
    """Tell which texts reach a limit, of a category or of ``any`` for their sum.

    Args:
        scores: (texts, categories).
        limits: by category; those that are left out are never acted on.
        names: of the categories.
    """
    reached = together(scores, limits, names) >= limits.get(ANY, np.inf)
    for name, limit in limits.items():
        if name != ANY:
            reached |= scores[:, names.index(name)] >= limit
    found: Flags = reached
    return found
