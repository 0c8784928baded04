"""Quality against the labels: precision, recall, F1, AUC, and the effect of each threshold.

Everything is computed from integer counts, so equal counts give equal figures to the last digit.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from model.policy_columns import GRID
from schemas.taxonomy import NON_TOXIC
from stream.replay.answer.counts import Histogram, Labelled, SideName

DECIMALS: Final = 6
SWEEP_STEP: Final = GRID // 100

Figures = dict[str, float | int | None]


class Confusion(NamedTuple):
    """Labelled events by truth and by action."""

    hits: int
    false_alarms: int
    misses: int
    rest: int

    @property
    def precision(self) -> float | None:
        """Share of the events acted upon that are truly toxic."""
        return _ratio(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> float | None:
        """Share of the truly toxic events that are acted upon."""
        return _ratio(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)

    def figures(self) -> Figures:
        """Return counts and ratios."""
        ratios = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {**self._asdict(), **ratios}


def confusion(labelled: Counter[Labelled], side: SideName) -> Confusion:
    """Count whether a side acts upon what is labelled as anything but ``non_toxic``."""
    return _confused(
        (entry.label != NON_TOXIC, _acts(entry, side), n) for entry, n in labelled.items() if _has(entry, side)
    )


def confusion_of(labelled: Counter[Labelled], side: SideName, category: str) -> Confusion:
    """Count whether a side acts upon what is labelled with a category, for that category."""
    return _confused(
        (entry.label == category, _acts(entry, side) and _category(entry, side) == category, n)
        for entry, n in labelled.items()
        if _has(entry, side)
    )


def _confused(judged: Iterable[tuple[bool, bool, int]]) -> Confusion:
    counts = Counter[tuple[bool, bool]]()
    for true, acted, amount in judged:
        counts[true, acted] += amount
    return Confusion(counts[True, True], counts[False, True], counts[True, False], counts[False, False])


def _has(entry: Labelled, side: SideName) -> bool:
    return bool(entry.baseline_action if side == "baseline" else entry.candidate_action)


def _acts(entry: Labelled, side: SideName) -> bool:
    return (entry.baseline_action if side == "baseline" else entry.candidate_action) != "allow"


def _category(entry: Labelled, side: SideName) -> str:
    return entry.baseline_category if side == "baseline" else entry.candidate_category


def area_under_curve(histogram: Histogram) -> float | None:
    """Return the area under the ROC curve: how often a positive scores above a negative, ties counting half.

    The Mann-Whitney statistic; exact, since scores lie on a grid.
    """
    false, true = (histogram[row].tolist() for row in (0, 1))
    below = wins_twice = 0
    for negatives, positives in zip(false, true, strict=True):
        wins_twice += positives * (2 * below + negatives)
        below += negatives
    return _ratio(wins_twice, 2 * below * sum(true))


def sweep(histogram: Histogram, step: int = SWEEP_STEP) -> list[Figures]:
    """Return for each threshold how many events reach it, with precision and recall among the labelled ones."""
    reaching = np.cumsum(histogram[:, ::-1], axis=1)[:, ::-1]
    every = int(histogram.sum())
    positives = int(histogram[1].sum())
    points: list[Figures] = []
    for threshold in range(step, GRID + 1, step):
        false, true, unknown = (int(row[threshold]) for row in reaching)
        points.append(
            {
                "threshold": threshold / GRID,
                "events": false + true + unknown,
                "share": _ratio(false + true + unknown, every),
                "precision": _ratio(true, true + false),
                "recall": _ratio(true, positives),
            }
        )
    return points


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, DECIMALS) if whole else None
