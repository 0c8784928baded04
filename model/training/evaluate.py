"""Measures one model on one held-out set, as plain data for JSON and the report."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from model.classifier import Classifier, PoisonedText
from model.training.acting import acted_on, due
from model.training.data import Labelled, fingerprint, summary
from model.training.metrics import (
    CAUGHT,
    Bootstrap,
    Flags,
    Floats,
    auc,
    binary_measures,
    class_measures,
    classes_of,
    confusion,
    found_right,
    macro_f1,
    proportion,
)
from model.training.probe import (
    Outcome,
    Score,
    functional,
    functional_given,
    identity_bias,
    identity_sentences,
    power_mean,
    robustness,
)
from schemas.taxonomy import NON_TOXIC, Taxonomy

Document = dict[str, Any]

CHUNK: Final = 2_048
_CURVE: Final = 200
_LEAST_ROWS: Final = 30
"""Minimum lines of a language to be measured separately."""
_TELL_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Given:
    """Sets that probe the model beside its test set; each may be empty."""

    functional: Labelled
    identity: Labelled


Progress = Callable[[str], None]


def scoring(classifier: Classifier) -> Score:
    """Score any number of texts in chunks; a text that poisons the classifier counts as harmless.

    Raises:
        ClassifierDown: as the classifier does.
    """

    def score(texts: Sequence[str]) -> Floats:
        rows = [
            row for start in range(0, len(texts), CHUNK) for row in _chunk(classifier, texts[start : start + CHUNK])
        ]
        scores: Floats = np.array(rows, dtype=np.float64)
        return scores

    return score


def remembering(score: Score) -> Score:
    """The same scorer, which scores a text only once; it keeps every text that it has scored."""
    known: dict[str, Floats] = {}

    def score_once(texts: Sequence[str]) -> Floats:
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            known.update(zip(new, score(new), strict=True))
        return np.array([known[text] for text in texts])

    return score_once


def _chunk(classifier: Classifier, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    try:
        return classifier(texts)
    except PoisonedText as exc:
        before, after = texts[: exc.index], texts[exc.index + 1 :]
        width = len(classifier(["-"])[0])
        return [*_chunk(classifier, before), [0.0] * width, *_chunk(classifier, after)]


def telling(score: Score, progress: Progress, clock: Callable[[], float] = time.monotonic) -> Score:
    """The same scorer, reporting every ten seconds how many of a call's texts are done.  ``clock`` in seconds."""

    def score_and_tell(texts: Sequence[str]) -> Floats:
        told, parts = clock(), [score(texts[:CHUNK])]
        for start in range(CHUNK, len(texts), CHUNK):
            if clock() - told >= _TELL_EVERY_S:
                progress(f"scored {start:,} of {len(texts):,} texts")
                told = clock()
            parts.append(score(texts[start : start + CHUNK]))
        return np.concatenate(parts)

    return score_and_tell


def quality(score: Score, data: Labelled, taxonomy: Taxonomy, bootstrap: Bootstrap) -> Document:
    """Measure a held-out set: binary, by class, confusion matrix, calibration, curves.

    ``not_known`` says why some metrics are None; it is None if all are defined.
    """
    classes = classes_of(data.targets, taxonomy)
    scores = score(data.texts)
    toxic, ranked = classes.toxic, classes.toxic_scores(scores)
    predicted = classes.scores(scores).argmax(axis=1)
    macro = bootstrap(lambda rows: macro_f1(classes.truth[rows], predicted[rows]), len(data))
    return {
        "rows": len(data),
        "toxic_rows": int(toxic.sum()),
        "not_known": not_known(data, taxonomy),
        "binary": _plain(binary_measures(toxic, ranked, bootstrap)),
        "macro_f1": _rounded(macro),
        "classes": {name: _plain(found) for name, found in class_measures(classes, scores, bootstrap).items()},
        "confusion": {"classes": classes.names, "table": confusion(classes.truth, predicted, len(classes.names))},
        "false_alarms_per_10000_clean": _false_alarms(toxic, ranked),
        "languages": _languages(data, toxic, ranked, bootstrap),
        "curves": _curves(toxic, ranked),
    }


def not_known(data: Labelled, taxonomy: Taxonomy) -> str | None:
    """Return why some metrics are undefined on a set; None if all are defined."""
    toxic = classes_of(data.targets, taxonomy).toxic
    return None if 0 < toxic.sum() < len(toxic) else f"{'every' if toxic.all() else 'no'} line is toxic"


def probes(score: Score, data: Labelled, taxonomy: Taxonomy, given: Given) -> Document:
    """Probe with sentences written for the purpose, and with the test set's own lines in disguise."""
    classes = classes_of(data.targets, taxonomy)
    toxic_texts = [text for text, toxic in zip(data.texts, classes.toxic, strict=True) if toxic]

    def toxic_score(texts: Sequence[str]) -> Floats:
        return classes.toxic_scores(score(texts))

    return {
        "functional": _shares(functional(score, taxonomy.names)),
        "functional_given": _shares(_given_functional(score, given.functional, taxonomy)),
        "robustness": _shares(robustness(toxic_texts, toxic_score)),
        "identity": _identity(*identity_sentences()[:2], score, taxonomy),
        "identity_given": _given_identity(score, given.identity, taxonomy),
    }


def evaluation(
    score: Score, data: Labelled, taxonomy: Taxonomy, given: Given, progress: Progress, bootstrap: Bootstrap
) -> Document:
    """Measure and probe; reports progress.  Blocks for as long as scoring the test set a few times takes."""
    score = telling(score, progress)
    progress(f"scoring {len(data):,} held-out lines")
    measured = quality(score, data, taxonomy, bootstrap)
    progress("probing with functional tests, disguises and identity terms")
    return {
        "data": {"fingerprint": fingerprint(data), "labels": summary(data, taxonomy)},
        **measured,
        **probes(score, data, taxonomy, given),
    }


def by_default(
    score: Score, data: Labelled, taxonomy: Taxonomy, acting: Mapping[str, float], bootstrap: Bootstrap
) -> Document:
    """Measure what the default policy acts on (``Description.acting``): precision, recall, F1, the share of all lines.

    A line is positive if its label may mean a category with a limit, and not ``non_toxic``.
    """
    allowed = np.zeros((len(data), len(taxonomy.names)), dtype=np.bool_)
    for row, target in enumerate(data.targets):
        allowed[row, list(target.categories)] = True
    right = due(allowed, acting, taxonomy.names)
    acted = acted_on(score(data.texts), acting, taxonomy.names)
    share = proportion(float(acted.sum()), len(data))
    return _plain({**found_right(right, acted, bootstrap), "share_of_lines": share})


def _given_functional(score: Score, data: Labelled, taxonomy: Taxonomy) -> dict[str, Outcome]:
    if not data.examples:
        return {}
    chosen = score(data.texts).argmax(axis=1)
    right: Flags = np.array(
        [int(category) in target.categories for category, target in zip(chosen, data.targets, strict=True)]
    )
    return functional_given([example.subset for example in data.examples], right)


def _given_identity(score: Score, data: Labelled, taxonomy: Taxonomy) -> Document:
    if not data.examples:
        return {}
    return _identity(data.texts, classes_of(data.targets, taxonomy).toxic, score, taxonomy)


def _identity(texts: list[str], toxic: Flags, score: Score, taxonomy: Taxonomy) -> Document:
    """AUCs and false positives by term, with the worst of each and the power mean of the AUCs."""
    ranked = 1 - score(texts)[:, taxonomy.names.index(NON_TOXIC)]
    found = identity_bias(texts, toxic, ranked, identity_sentences()[2])
    table = {term: {name: _round(value) for name, value in bias._asdict().items()} for term, bias in found.items()}
    summed: Document = {"terms": table, "auc": _round(auc(toxic, ranked))}
    if found:
        summed["max_false_positives"] = _round(max(bias.false_positives for bias in found.values()))
    for name in ("subgroup", "bpsn", "bnsp"):
        values = [getattr(bias, name) for bias in found.values()]
        if values:
            summed[f"min_{name}"], summed[f"mean_{name}"] = _round(min(values)), _round(power_mean(values))
    return summed


def _false_alarms(toxic: Flags, ranked: Floats) -> list[float | None]:
    """False positives per 10,000 clean lines."""
    alarms = proportion(float((~toxic & (ranked >= CAUGHT)).sum()), float((~toxic).sum()))
    return [round(10_000 * value, 1) if np.isfinite(value) else None for value in alarms]


def _languages(data: Labelled, toxic: Flags, ranked: Floats, bootstrap: Bootstrap) -> Document:
    """By language if the set names any; for languages with few rows, and lines without one, only their number."""
    languages = np.array([example.subset for example in data.examples])
    if not any(languages):
        return {}
    found: Document = {}
    for language, rows in Counter(languages.tolist()).most_common():
        found[language or "none given"] = {"rows": rows}
        if rows >= _LEAST_ROWS:
            own_toxic, own = toxic[languages == language], ranked[languages == language]
            ranking = bootstrap(lambda r, t=own_toxic, s=own: auc(t[r], s[r]), rows)  # type: ignore[misc]  # the defaults bind the loop variables
            measures = {"auc": ranking, **found_right(own_toxic, own >= CAUGHT, bootstrap)}
            found[language or "none given"] |= _plain(measures)
    return found


def _curves(toxic: Flags, ranked: Floats) -> Document:
    """Points of the ROC, precision-recall and reliability curves, few enough to plot."""
    if not 0 < toxic.sum() < len(toxic):
        return {}
    false_positives, true_positives, _ = roc_curve(toxic, ranked)
    precisions, recalls, _ = precision_recall_curve(toxic, ranked)
    bins = np.minimum((ranked * 10).astype(int), 9)
    reliability = [
        [_round(float(ranked[bins == b].mean())), _round(float(toxic[bins == b].mean())), int((bins == b).sum())]
        for b in range(10)
        if (bins == b).any()
    ]
    return {
        "roc": _thin(false_positives, true_positives),
        "precision_recall": _thin(recalls, precisions),
        "reliability": reliability,
    }


def _thin(x: Floats, y: Floats) -> list[list[float | None]]:
    places = np.unique(np.linspace(0, len(x) - 1, _CURVE).astype(int))
    return [[_round(float(x[place])), _round(float(y[place]))] for place in places]


def _shares(outcomes: Mapping[str, Outcome]) -> Document:
    if not outcomes:
        return {}
    table = {
        name: {"cases": cases, "passed": passed, "share": _round(passed / max(cases, 1))}
        for name, (cases, passed) in outcomes.items()
    }
    cases, passed = sum(o.cases for o in outcomes.values()), sum(o.passed for o in outcomes.values())
    return {"cases": cases, "share": _round(passed / max(cases, 1)), "kinds": table}


def _plain(measures: Mapping[str, Sequence[float]]) -> Document:
    return {name: _rounded(found) for name, found in measures.items()}


def _rounded(values: Sequence[float]) -> list[float | None]:
    return [_round(value) for value in values]


def _round(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
