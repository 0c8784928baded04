"""The figures that the recipe prints and chooses by, all computed on texts unseen in training."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

Figures = dict[str, float]
FOUR: Final = ("clean", "insult", "profanity", "severe")
INTENTS: Final = ("E", "I", "A", "O")


def ranking(toxic: Ints, score: Floats) -> Figures:
    """Return AUC, average precision and recall at precision .90 of a score for "toxic"."""
    precision, recall, _ = precision_recall_curve(toxic, score)
    return {
        "auc": float(roc_auc_score(toxic, score)),
        "ap": float(average_precision_score(toxic, score)),
        "r_at_p90": float(recall[precision >= 0.9].max(initial=0.0)),
    }


def macro_f1(truth: Ints, guess: Ints, names: Sequence[str]) -> Figures:
    """Return macro-F1 over ``names`` and the F1 of each."""
    each = f1_score(truth, guess, labels=range(len(names)), average=None, zero_division=0)
    return {"macro_f1": float(np.mean(each))} | {f"f1_{name}": float(f1) for name, f1 in zip(names, each, strict=True)}


def calibration_error(toxic: Ints | NDArray[np.bool_], score: Floats, bins: int = 10) -> float:
    """Return the expected calibration error over equal-width bins.  Source: Naeini et al. 2015."""
    place = np.minimum((score * bins).astype(int), bins - 1)
    gaps = [
        abs(score[place == b].mean() - toxic[place == b].mean()) * (place == b).mean()
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps))


def with_intervals(measure: Callable[[Ints], Figures], rows: int, *, seed: int, resamples: int) -> Figures:
    """Return the figures of ``measure`` on all rows, with 95 % bootstrap bounds as ``_low`` and ``_high``."""
    figures = measure(np.arange(rows))
    rng = np.random.default_rng(seed)
    found = [measure(rng.integers(0, rows, rows)) for _ in range(resamples)]
    for name in list(figures) if found else []:
        low, high = np.nanpercentile([again[name] for again in found], [2.5, 97.5])
        figures |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return figures


def four_classes(gametox: Mapping[str, Floats]) -> Floats:
    """Return the columns clean, insult, profanity, severe out of scores by category (all of one length)."""
    groups = {
        "clean": ("non_toxic", "taunt", "report_call"),
        "insult": ("insult", "sexual"),
        "profanity": ("profanity",),
        "severe": ("hate", "threat", "self_harm", "extremism"),
    }
    return np.stack([np.sum([gametox[name] for name in groups[column]], axis=0) for column in FOUR], axis=1)


def intents(scores: Mapping[str, Floats]) -> Floats:
    """Return the columns E, I, A, O out of scores by category."""
    names = ("insult", "profanity", "hate", "threat", "self_harm", "sexual", "extremism")
    explicit = np.sum([scores[name] for name in names], axis=0)
    return np.stack([explicit, scores["taunt"], scores["report_call"], scores["non_toxic"]], axis=1)


def gametox_truth(labels: Sequence[str]) -> Ints:
    """Return positions in ``FOUR`` of GameTox labels."""
    return np.array([min(int(label), 3) for label in labels])


def conda_truth(labels: Sequence[str]) -> Ints:
    """Return positions in ``INTENTS`` of CONDA labels."""
    return np.array([INTENTS.index(label[0]) for label in labels])
