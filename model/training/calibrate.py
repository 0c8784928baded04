"""Calibration on the development split only: a temperature, and thresholds for a target precision."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.optimize import minimize_scalar

from model.training.acting import acted_on, together
from model.training.metrics import Flags, Floats

COOLEST: Final = 0.2
HOTTEST: Final = 10.0
SPREAD: Final = 0.25
"""Standard deviation of the temperature's logarithm before any line is seen: most lie within a quarter of 1.

Without it a dozen lines settle on 0.2 to 2.1 where 600 settle on 1.18, and cost more than no temperature at all.
"""


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Return probabilities, [rows, outputs]."""
    scaled = logits / temperature
    shares: Floats = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def fit_temperature(logits: Floats, allowed: Flags) -> float:
    """Return the likeliest temperature for the true classes, near 1 unless the rows tell otherwise.

    Args:
        logits: [rows, outputs].
        allowed: True for each output that a row's label may stand for, [rows, outputs].

    Source: Guo et al. 2017, section 4.2, with a log-normal prior around 1.
    """

    def surprise(temperature: float) -> float:
        shares = (softmax(logits, temperature) * allowed).sum(axis=1)
        prior = (np.log(temperature) / SPREAD) ** 2 / 2
        return float(-np.log(shares.clip(1e-12)).sum() + prior)

    found = minimize_scalar(surprise, bounds=(COOLEST, HOTTEST), method="bounded")
    return round(float(found.x), 4)


def thresholds_for(
    precision: float, scores: Floats, truth: Flags, names: tuple[str, ...], least: int = 5, promised: int = 0
) -> Mapping[str, float]:
    """Suggest, per category, the lowest threshold whose precision on these rows is at least the given.

    Args:
        precision: target, 0 to 1.
        scores: [rows, categories].
        truth: True where a category may be right, [rows, categories].
        names: of the categories.
        least: minimum true positives of a threshold; categories that cannot reach it are left out.
        promised: how many rows' worth of the caught rows' mean score counts as precision too.  With calibrated
            scores it steadies the choice on few rows, and is outvoted by many.
    """
    found = {}
    for place, name in enumerate(names):
        column = scores[:, place]
        threshold = _lowest(precision, column, truth[:, place], least, column, promised)
        if threshold is not None:
            found[name] = threshold
    return found


def together_for(
    precision: float,
    scores: Floats,
    truth: Flags,
    suggested: Mapping[str, float],
    names: Sequence[str],
    least: int = 5,
    promised: int = 0,
) -> float | None:
    """Suggest a threshold for the sum of the suggested categories' scores, besides their own thresholds.

    It is the lowest at which all that is acted on reaches the precision; None if no such threshold exists.

    Args:
        precision: target, 0 to 1.
        scores: [rows, categories].
        truth: True for rows to act on, [rows].
        suggested: thresholds by category.
        names: of the categories.
        least: minimum true positives.
        promised: as in ``thresholds_for``.
    """
    if not suggested:
        return None
    by_itself = acted_on(scores, suggested, names)
    summed = together(scores, suggested, names)
    ranked = np.where(by_itself, np.inf, summed)
    threshold = _lowest(precision, ranked, truth, least, summed.clip(0, 1), promised)
    return threshold if threshold is not None and threshold <= 1 else None


def _lowest(
    precision: float, scores: Floats, truth: Flags, least: int, expected: Floats, promised: int
) -> float | None:
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(truth[order])
    caught = np.arange(1, len(scores) + 1)
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    steadied = (hits + promised * np.cumsum(expected[order]) / caught) / (caught + promised)
    good = (steadied >= precision) & (hits >= least) & last_of_tie & (ranked > 0)
    return None if not good.any() else round(float(ranked[np.flatnonzero(good).max()]), 3)
