"""Compares the recipe's figures: linear baseline, teachers, student and targets, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.normalise import canonical
from model.training.acting import acted_on
from model.training.augment import DISGUISES
from model.training.metrics import precision_recall_f1
from model.training.recipe.measure import (
    FOUR,
    INTENTS,
    Figures,
    Ints,
    calibration_error,
    conda_truth,
    four_classes,
    gametox_truth,
    intents,
    macro_f1,
    ranking,
    with_intervals,
)
from model.training.sources import Example

Floats = NDArray[np.float32]
Scores = Mapping[str, Floats]

TARGETS: Final[Mapping[str, float]] = {
    "gametox.auc": 0.935, "gametox.ap": 0.85, "gametox.r_at_p90": 0.55, "gametox.macro_f1": 0.63, "gametox.ece": 0.05,
    "conda.macro_f1": 0.80, "conda.f1_I": 0.62, "conda.ece": 0.05, "evasion.worst": 0.90, "madlibs.min_bpsn": 0.92,
    "madlibs.min_subgroup": 0.92, "hatecheck.counter_speech": 0.35,
}  # fmt: skip
"""The required ("must") figures of the default bundle, on splits of the same kind."""

ALLOWED: Final = ("non_toxic", "taunt", "report_call")
"""GameTox's clean categories."""


def toxicity(scores: Scores) -> Floats:
    """Return the probability of any category that the default policy acts on."""
    return np.asarray(np.clip(1 - np.sum([scores[name] for name in ALLOWED], axis=0), 0, 1), dtype=np.float32)


def gametox_figures(examples: Sequence[Example], scores: Scores, *, seed: int = 1, resamples: int = 0) -> Figures:
    """Return ranking, four-class F1 and calibration on GameTox examples, with intervals where resampled."""
    truth = gametox_truth([example.labels[0] for example in examples])
    four = four_classes(scores)
    toxic, score, guess = (truth > 0).astype(int), toxicity(scores), four.argmax(1)

    def measure(rows: Ints) -> Figures:
        strict = ranking(toxic[rows], 1 - scores["non_toxic"][rows])
        return (
            ranking(toxic[rows], score[rows])
            | macro_f1(truth[rows], guess[rows], FOUR)
            | {"ece": calibration_error(toxic[rows], score[rows])}
            | {f"strict_{name}": value for name, value in strict.items()}
        )

    return with_intervals(measure, len(truth), seed=seed, resamples=resamples)


def conda_figures(examples: Sequence[Example], scores: Scores, *, seed: int = 1, resamples: int = 0) -> Figures:
    """Return macro-F1 over the four intents, ranking and calibration on CONDA examples."""
    truth = conda_truth([example.labels[0] for example in examples])
    columns = intents(scores)
    guess = columns.argmax(1)
    toxic, score = (truth < 2).astype(int), columns[:, 0] + columns[:, 1]

    def measure(rows: Ints) -> Figures:
        return (
            macro_f1(truth[rows], guess[rows], INTENTS)
            | ranking(toxic[rows], score[rows])
            | {"ece": calibration_error(toxic[rows], score[rows])}
        )

    return with_intervals(measure, len(truth), seed=seed, resamples=resamples)


def madlibs_figures(examples: Sequence[Example], scores: Scores, *, least: int = 40) -> Figures:
    """Return the worst subgroup, BPSN and BNSP AUC over the identity terms.  Source: Borkan et al. 2019."""
    toxic = np.array([example.labels[0] == "BAD" for example in examples])
    term = np.array([_term(example.text) for example in examples])
    score = toxicity(scores)
    worst = {"min_subgroup": 1.0, "min_bpsn": 1.0, "min_bnsp": 1.0}
    for name in sorted(set(term)):
        inside = term == name
        if min((inside & toxic).sum(), (inside & ~toxic).sum()) < least:
            continue
        for key, rows in (
            ("min_subgroup", inside),
            ("min_bpsn", (inside & ~toxic) | (~inside & toxic)),
            ("min_bnsp", (inside & toxic) | (~inside & ~toxic)),
        ):
            worst[key] = min(worst[key], ranking(toxic[rows].astype(int), score[rows])["auc"])
    return worst


def hatecheck_figures(examples: Sequence[Example], scores: Scores, threshold: float) -> Figures:
    """Return the accuracy on the functional tests, overall and for counter-speech."""
    hateful = np.array([example.labels[0] in ("hateful", "threat") for example in examples])
    right = (toxicity(scores) >= threshold) == hateful
    counter = np.array([example.subset.startswith("counter_") for example in examples])
    return {
        "right": float(right.mean()),
        "counter_speech": float(right[counter].mean()) if counter.any() else float("nan"),
    }


def policy_figures(truth: NDArray[np.bool_], scores: Scores, thresholds: Mapping[str, float]) -> Figures:
    """Return precision and recall of what the thresholds act on, and its share of the lines."""
    names = list(scores)
    acted = acted_on(np.stack([scores[name] for name in names], axis=1).astype(np.float64), thresholds, names)
    precision, recall, _ = precision_recall_f1(truth, acted)
    return {"policy_precision": precision, "policy_recall": recall, "policy_share": float(acted.mean())}


def disguised_copies(texts: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Return, per disguise, the texts with every word of three letters or more disguised."""
    copies = {}
    for name, manner in DISGUISES.items():
        rng = np.random.default_rng(seed)
        copies[name] = [
            canonical(
                " ".join(manner(word, rng) if len(word) >= 3 and word.isalpha() else word for word in text.split(" "))
            )
            for text in texts
        ]
    return copies


def table(rows: Mapping[str, Figures]) -> str:
    """Return Markdown: one line per figure that has a target, one column per model, the target last."""
    lines = ["| figure | " + " | ".join(rows) + " | must |", "|---" * (len(rows) + 2) + "|"]
    for name, target in TARGETS.items():
        cells = [_cell(figures, name) for figures in rows.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {target:g} |")
    return "\n".join(lines)


def _cell(figures: Figures, name: str) -> str:
    if name not in figures:
        return "–"
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    return f"{figures[name]:.3f}" + (f" ({low:.3f}–{high:.3f})" if low is not None and high is not None else "")


def _term(text: str) -> str:
    """The identity term of a template: what follows the adjective or the verb, i.e. the last words."""
    return text.rsplit(" ", 1)[-1]
