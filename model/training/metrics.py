"""Quality metrics with intervals: Wilson for proportions, bootstrap for everything else.

A data set need not distinguish all our categories, so a *class* here is a set of categories that its labels mean
together (GameTox "insult" is ``insult|self_harm|sexual``).  A class scores the sum of its categories.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from model.training.labels import Target
from schemas.taxonomy import NON_TOXIC, Taxonomy

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

BINS: Final = 10
"""Bins of the calibration error."""


CAUGHT: Final = 0.5
"""Toxic score from which a line counts as caught."""
_Z: Final = 1.959964
"""Normal quantile of a 95 % interval."""


class Interval(NamedTuple):
    """A metric with its 95 % interval; NaN if undefined on the set."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Resamples rows for a percentile interval; source: Efron and Tibshirani 1993, ch. 13."""

    resamples: int = 1_000
    seed: int = 7

    def __call__(self, measure: Callable[[Places], float], rows: int) -> Interval:
        """Measure all rows and resamples of them; resamples that lack a class are ignored."""
        value = measure(np.arange(rows))
        generator = np.random.default_rng(self.seed)
        drawn = [measure(generator.integers(0, rows, rows)) for _ in range(self.resamples)]
        kept = [found for found in drawn if np.isfinite(found)]
        if not kept:
            return Interval(value, value, value)
        low, high = np.percentile(kept, [2.5, 97.5])
        return Interval(value, float(low), float(high))


def proportion(hits: float, cases: float) -> Interval:
    """Return a share with its 95 % score interval, which has a width even for 0 or 1; NaN without cases.

    Source: Wilson 1927.
    """
    if not cases:
        return Interval(*[float("nan")] * 3)
    share, spread = hits / cases, _Z**2 / cases
    middle = (share + spread / 2) / (1 + spread)
    reach = (spread * share * (1 - share) + spread**2 / 4) ** 0.5 / (1 + spread)
    return Interval(share, max(middle - reach, 0.0), min(middle + reach, 1.0))


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a set, and which of them are harmless."""

    names: tuple[str, ...]
    members: Floats
    """1 where a category belongs to a class, [categories, classes]."""
    harmless: Flags
    """Categories that the set calls clean, [categories]."""
    truth: Places
    """The class of each row."""

    def scores(self, scores: Floats) -> Floats:
        """Sum the scores of each class, [rows, classes]."""
        return (scores @ self.members).clip(0, 1)

    def toxic_scores(self, scores: Floats) -> Floats:
        """Sum the scores of what is not harmless, [rows]."""
        summed: Floats = (scores[:, ~self.harmless].sum(axis=1)).clip(0, 1)
        return summed

    @property
    def toxic(self) -> Flags:
        """Whether each row is toxic."""
        clean = (self.members.astype(bool) & self.harmless[:, None]).sum(axis=0) == self.members.sum(axis=0)
        toxic: Flags = ~clean[self.truth]
        return toxic


def classes_of(targets: Sequence[Target], taxonomy: Taxonomy) -> Classes:
    """Find the classes that the targets name; the harmless categories are those that share a class with non_toxic."""
    names = taxonomy.names
    clean = names.index(NON_TOXIC)
    sets = sorted({tuple(sorted(target.categories)) for target in targets})
    members = np.zeros((len(names), len(sets)))
    for place, categories in enumerate(sets):
        members[list(categories), place] = 1
    harmless: Flags = np.asarray(members[:, [clean in categories for categories in sets]].any(axis=1))
    harmless[clean] = True
    lookup = {categories: place for place, categories in enumerate(sets)}
    truth = np.array([lookup[tuple(sorted(target.categories))] for target in targets])
    return Classes(tuple("|".join(names[c] for c in categories) for categories in sets), members, harmless, truth)


def auc(toxic: Flags, scores: Floats) -> float:
    """Area under the ROC curve, equal to scikit-learn's; NaN if a class is missing.

    Computed by ranks (Mann-Whitney), fast enough for a thousand resamples.
    """
    hits = int(toxic.sum())
    misses = len(toxic) - hits
    if not hits or not misses:
        return float("nan")
    return (float(rankdata(scores)[toxic].sum()) - hits * (hits + 1) / 2) / (hits * misses)


def average_precision(toxic: Flags, scores: Floats) -> float:
    """Average precision, equal to scikit-learn's; NaN if nothing is toxic."""
    precisions, recalls = _ranked(toxic, scores)
    return float((precisions * np.diff(recalls, prepend=0)).sum()) if toxic.any() else float("nan")


def recall_at(precision: float, toxic: Flags, scores: Floats) -> float:
    """The highest recall at a threshold with at least the given precision; 0 if there is none."""
    precisions, recalls = _ranked(toxic, scores)
    return float(recalls[precisions >= precision].max(initial=0)) if toxic.any() else float("nan")


def _ranked(toxic: Flags, scores: Floats) -> tuple[Floats, Floats]:
    """Return precision and recall at every distinct score, highest first."""
    order = np.argsort(-scores, kind="stable")
    ranked, caught = scores[order], np.cumsum(toxic[order])
    last_of_tie = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    precisions: Floats = caught[last_of_tie] / (last_of_tie + 1)
    recalls: Floats = caught[last_of_tie] / max(int(caught[-1]), 1)
    return precisions, recalls


def precision_recall_f1(truth: Flags, predicted: Flags) -> tuple[float, float, float]:
    """Precision, recall and F1; 0 where undefined."""
    hits = float((truth & predicted).sum())
    precision = hits / max(float(predicted.sum()), 1)
    recall = hits / max(float(truth.sum()), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)


def f1_score(truth: Flags, predicted: Flags) -> float:
    """F1; NaN if there are no positives."""
    return precision_recall_f1(truth, predicted)[2] if truth.any() else float("nan")


def found_right(truth: Flags, predicted: Flags, bootstrap: Bootstrap) -> dict[str, Interval]:
    """Precision and recall with Wilson intervals, and F1; NaN without predictions or positives."""
    hits = float((truth & predicted).sum())
    return {
        "precision": proportion(hits, float(predicted.sum())),
        "recall": proportion(hits, float(truth.sum())),
        "f1": bootstrap(lambda rows: f1_score(truth[rows], predicted[rows]), len(truth)),
    }


def calibration_error(truth: Flags, scores: Floats, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal width.  Source: Guo et al. 2017, equation 3."""
    place = np.minimum((scores * bins).astype(int), bins - 1)
    gaps = [
        abs(scores[place == number].mean() - truth[place == number].mean()) * (place == number).mean()
        for number in range(bins)
        if (place == number).any()
    ]
    return float(sum(gaps))


def macro_f1(truth: Places, predicted: Places) -> float:
    """Mean F1 over the classes that occur, equal to scikit-learn's."""
    classes = int(max(truth.max(), predicted.max())) + 1
    table = _table(truth, predicted, classes)
    occurring = table.sum(axis=1) > 0
    f1 = 2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1)).clip(1)
    return float(f1[occurring].mean())


def confusion(truth: Places, predicted: Places, classes: int) -> list[list[int]]:
    """Count rows by true class (outer) and predicted class (inner)."""
    table: list[list[int]] = _table(truth, predicted, classes).tolist()
    return table


def _table(truth: Places, predicted: Places, classes: int) -> Places:
    counts: Places = np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    return counts


def binary_measures(toxic: Flags, scores: Floats, bootstrap: Bootstrap) -> Mapping[str, Interval]:
    """Binary metrics: ranking, recall at two precisions, precision, recall and F1 at 0.5."""

    def of(measure: Callable[[Flags, Floats], float]) -> Interval:
        return bootstrap(lambda rows: measure(toxic[rows], scores[rows]), len(toxic))

    return {
        "auc": of(auc),
        "average_precision": of(average_precision),
        "recall_at_precision_90": of(lambda t, s: recall_at(0.90, t, s)),
        "recall_at_precision_95": of(lambda t, s: recall_at(0.95, t, s)),
        **found_right(toxic, scores >= CAUGHT, bootstrap),
        "calibration_error": of(calibration_error),
    }


def class_measures(classes: Classes, scores: Floats, bootstrap: Bootstrap) -> Mapping[str, Mapping[str, Interval]]:
    """Per class: precision, recall and F1 of the likeliest class, AUC and average precision of its score."""
    by_class = classes.scores(scores)
    predicted = by_class.argmax(axis=1)
    found: dict[str, Mapping[str, Interval]] = {}
    for place, name in enumerate(classes.names):
        truth, chosen, own = classes.truth == place, predicted == place, by_class[:, place]
        found[name] = _one_class(truth, chosen, own, bootstrap)
    return found


def _one_class(truth: Flags, chosen: Flags, own: Floats, bootstrap: Bootstrap) -> Mapping[str, Interval]:
    rows = len(truth)
    return {
        "rows": Interval(*[float(truth.sum())] * 3),
        **found_right(truth, chosen, bootstrap),
        "auc": bootstrap(lambda r: auc(truth[r], own[r]), rows),
        "average_precision": bootstrap(lambda r: average_precision(truth[r], own[r]), rows),
    }
