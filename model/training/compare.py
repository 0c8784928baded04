"""Compares models on one held-out set, in the form of the published four rows, with the cost per message."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from model.bundle import Bundle, load_bundle
from model.classifier import Classifier
from model.errors import DataError
from model.training.data import Labelled
from model.training.evaluate import Document, Progress, scoring
from model.training.metrics import CAUGHT, Bootstrap, Classes, Floats, binary_measures, classes_of, macro_f1
from model.training.probe import Score
from model.training.report import finite, interval
from schemas.taxonomy import NON_TOXIC, Taxonomy

Clock = Callable[[], float]
"""A monotonic clock, in seconds."""

_SAMPLE: Final = 2_000
"""Texts over which the cost per message is averaged."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contender: binary quality, quality by category, cost."""

    name: str
    binary: Mapping[str, Sequence[float]]
    macro_f1: Sequence[float]
    micros_per_message: float
    second_stage: float = 0.0
    """Share of the messages passed to the second stage."""


def two_stage(
    first: Score, second: Score, taxonomy: Taxonomy, escalated: list[float], threshold: float = CAUGHT
) -> Score:
    """Return the two-stage form: a binary model first; what it calls toxic goes to a fine-grained one.

    The binary stage's toxic score is distributed by the second stage's scores of the toxic categories; that of a
    message that the first lets pass goes to the first toxic category, so that such messages are still ranked.
    ``escalated`` is called with the share passed on, per call.
    """
    clean = taxonomy.names.index(NON_TOXIC)
    unnamed = next(place for place, name in enumerate(taxonomy.names) if name != NON_TOXIC)

    def score(texts: Sequence[str]) -> Floats:
        toxic = 1 - first(texts)[:, clean]
        sent = np.flatnonzero(toxic >= threshold)
        escalated.append(len(sent) / max(len(texts), 1))
        scores: Floats = np.zeros((len(texts), len(taxonomy.names)))
        scores[:, clean], scores[:, unnamed] = 1 - toxic, toxic
        if sent.size:
            fine = second([texts[int(place)] for place in sent])
            fine[:, clean] = 0
            shares = fine / fine.sum(axis=1, keepdims=True).clip(1e-9)
            scores[sent] = shares * toxic[sent, None]
            scores[sent, clean] = 1 - toxic[sent]
        return scores

    return score


def compare(
    contenders: Mapping[str, Score],
    data: Labelled,
    taxonomy: Taxonomy,
    bootstrap: Bootstrap,
    clock: Clock,
    progress: Progress,
) -> list[Row]:
    """Measure each contender on the same lines."""
    classes = classes_of(data.targets, taxonomy)
    rows = []
    for name, score in contenders.items():
        progress(f"measuring {name}")
        score(data.texts[:64])  # warm up
        sample = data.texts[:_SAMPLE]
        started = clock()
        score(sample)
        micros = (clock() - started) / max(len(sample), 1) * 1e6
        rows.append(_row(name, classes, score(data.texts), micros, bootstrap))
    return rows


def _row(name: str, classes: Classes, scores: Floats, micros: float, bootstrap: Bootstrap) -> Row:
    toxic, ranked = classes.toxic, classes.toxic_scores(scores)
    predicted = classes.scores(scores).argmax(axis=1)
    macro = bootstrap(lambda r: macro_f1(classes.truth[r], predicted[r]), len(toxic))
    return Row(name, binary_measures(toxic, ranked, bootstrap), macro, micros)


def contenders_of(
    bundles: Sequence[Path],
    stages: Sequence[tuple[Path, Path]],
    taxonomy: Taxonomy,
    load: Callable[[Bundle], Classifier],
) -> dict[str, Score]:
    """Load bundles and two-stage pairs (binary, fine-grained); a model used twice is loaded once.

    Bundles are identified by name; if two have the same name, their paths are added.

    Raises:
        BundleError: a bundle cannot be used.
        DataError: the categories of a bundle are not those of the data.
    """
    known = {path: load_bundle(path) for path in [*bundles, *(path for pair in stages for path in pair)]}
    places = {path: _places(bundle, taxonomy) for path, bundle in known.items()}
    # Networks are loaded only after every bundle has been checked.
    names = _names(known)
    loaded = {
        path: (names[path], _aligned(scoring(load(bundle)), places[path], len(taxonomy.names)))
        for path, bundle in known.items()
    }
    contenders = {f"{loaded[path][0]}, one stage": loaded[path][1] for path in bundles}
    for first, second in stages:
        name = f"{loaded[first][0]} → {loaded[second][0]}, two stages"
        contenders[name] = two_stage(loaded[first][1], loaded[second][1], taxonomy, [])
    return contenders


def _names(bundles: Mapping[Path, Bundle]) -> dict[Path, str]:
    given = Counter(bundle.manifest.name for bundle in bundles.values())
    names = {path: bundle.manifest.name for path, bundle in bundles.items()}
    return {path: name if given[name] == 1 else f"{name} ({path})" for path, name in names.items()}


def _places(bundle: Bundle, taxonomy: Taxonomy) -> list[int]:
    """Return the position of each of a bundle's categories among the data's.

    A category that the data lacks counts as the first toxic one, so that a binary stage may have one of its own.
    """
    theirs, ours = bundle.taxonomy.names, taxonomy.names
    if theirs != ours and not set(theirs) & set(ours) - {NON_TOXIC} and len(theirs) > 2:
        raise DataError(f"{bundle.path}: none of its categories ({', '.join(theirs)}) is a category of the data")
    toxic = next(place for place, name in enumerate(ours) if name != NON_TOXIC)
    return [ours.index(name) if name in ours else toxic for name in theirs]


def _aligned(score: Score, places: Sequence[int], categories: int) -> Score:
    """Place scores at their categories' positions."""
    if places == list(range(categories)):
        return score

    def score_aligned(texts: Sequence[str]) -> Floats:
        found = score(texts)
        scores: Floats = np.zeros((len(found), categories))
        for column, place in enumerate(places):
            scores[:, place] += found[:, column]
        return scores

    return score_aligned


def as_document(rows: Sequence[Row]) -> Document:
    """Return the table as plain data; None for undefined metrics."""
    document: Document = finite(
        {
            row.name: {
                "binary": {name: [round(float(value), 4) for value in found] for name, found in row.binary.items()},
                "macro_f1": [round(float(value), 4) for value in row.macro_f1],
                "micros_per_message": round(row.micros_per_message, 1),
            }
            for row in rows
        }
    )
    return document


def as_markdown(document: Mapping[str, Any]) -> str:
    """Return the table in the form of the published four rows, with intervals, and cost beside quality."""
    lines = ["| model | precision | recall | F1 | AUC | macro F1 | µs per message |", "|---|---|---|---|---|---|---|"]
    for name, row in document.items():
        measures = (*(row["binary"][key] for key in ("precision", "recall", "f1", "auc")), row["macro_f1"])
        lines.append(f"| {name} | {' | '.join(map(interval, measures))} | {row['micros_per_message']:,.0f} |")
    return "\n".join(lines)
