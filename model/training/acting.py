"""What a bundle's suggested thresholds act on, vectorised; ``model.policy`` decides the same for one text at a time."""

from collections.abc import Mapping, Sequence

import numpy as np

from model.training.metrics import Flags, Floats
from schemas.taxonomy import ANY, NON_TOXIC, Taxonomy
from schemas.verdict import SCORE_DECIMALS


def together(scores: Floats, limits: Mapping[str, float], names: Sequence[str]) -> Floats:
    """Return the sum that ``any`` limits, (texts,), on the published grid: of categories with no higher limit."""
    most = limits.get(ANY, 1.0)
    places = [names.index(name) for name, limit in limits.items() if name != ANY and limit <= most]
    summed: Floats = scores[:, places].sum(axis=1).round(SCORE_DECIMALS)
    return summed


def with_together(limits: Mapping[str, float], limit: float | None) -> dict[str, float]:
    """Return limits by category with one for their sum; limits above it have no effect and are lowered to it."""
    return dict(limits) if limit is None else {**{name: min(each, limit) for name, each in limits.items()}, ANY: limit}


def of_all_severe(limits: Mapping[str, float], taxonomy: Taxonomy) -> dict[str, float]:
    """Return the limits, adding an unreachable one for every category with a severity above 0 that has none.

    They act on the same texts; a metric over what is ``due`` then counts the lines that are never acted on.
    """
    unreached = {category.name: np.inf for category in taxonomy.categories if category.severity}
    return {**unreached, **limits}


def due(allowed: Flags, limits: Mapping[str, float], names: Sequence[str]) -> Flags:
    """Return which rows should be acted on: their label may mean a category with a limit, and not ``non_toxic``.

    Args:
        allowed: True for each category that a row's label may stand for, (rows, categories).
        limits: by category.
        names: of the categories.
    """
    places = [names.index(name) for name in limits if name != ANY]
    found: Flags = allowed[:, places].any(axis=1) & ~allowed[:, names.index(NON_TOXIC)]
    return found


def acted_on(scores: Floats, limits: Mapping[str, float], names: Sequence[str]) -> Flags:
    """Return which texts reach a limit, of a category or of ``any`` for their sum.

    Args:
        scores: (texts, categories).
        limits: by category; categories without one are never acted on.
        names: of the categories.
    """
    reached = together(scores, limits, names) >= limits.get(ANY, np.inf)
    for name, limit in limits.items():
        if name != ANY:
            reached |= scores[:, names.index(name)] >= limit
    found: Flags = reached
    return found
