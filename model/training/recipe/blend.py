"""Converts the heads' predictions in their sets' labels to one distribution over our categories."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.training.labels import LabelMap, Target

Floats = NDArray[np.float32]

ROUNDS: Final = 3
HEADS_HEARD: Final[Mapping[str, Mapping[str, float]]] = {
    "gametox": {"gametox": 0.9, "conda": 0.1},
    "conda": {"gametox": 0.1, "conda": 0.9},
    "": {"gametox": 0.5, "conda": 0.5},
}
"""Weight of each head's prediction, by the set a text comes from."""

PRIOR: Final[Mapping[str, float]] = {"sexual": 0.3, "self_harm": 0.5, "extremism": 0.5}
"""Prior weight of these categories for a label that may mean several; the others have 1."""


def blend(
    answers: Mapping[str, Floats], origins: Sequence[str], maps: Mapping[str, LabelMap], names: Sequence[str]
) -> Floats:
    """Return (texts, categories): the heads' predictions, each label's probability split among what it may mean.

    The split follows the current estimate and is iterated: expectation maximisation for labels of ambiguous
    meaning.  It starts from the head of our own lines, which knows every category.
    """
    start = np.full((len(origins), len(names)), 0.02, dtype=np.float32)
    for place, categories in enumerate(maps["own"].labels.values()):
        start[:, names.index(categories[0])] += answers["own"][:, place]
    estimate = start * np.array([PRIOR.get(name, 1.0) for name in names], dtype=np.float32)
    estimate /= estimate.sum(1, keepdims=True)
    heard = [HEADS_HEARD.get(origin, HEADS_HEARD[""]) for origin in origins]
    weights = {head: np.array([[shares[head]] for shares in heard], dtype=np.float32) for head in ("gametox", "conda")}
    for _ in range(ROUNDS):
        views = {head: _view(answers[head], estimate, maps[head], names) for head in ("gametox", "conda")}
        estimate = sum((weights[head] * view for head, view in views.items()), start=np.zeros_like(estimate))
    return estimate


def _view(answer: Floats, estimate: Floats, label_map: LabelMap, names: Sequence[str]) -> Floats:
    view = np.zeros_like(estimate)
    for place, categories in enumerate(label_map.labels.values()):
        columns = [names.index(category) for category in categories]
        shares = estimate[:, columns] + 1e-6
        view[:, columns] += answer[:, [place]] * shares / shares.sum(1, keepdims=True)
    return view


def with_label(estimate: Floats, target: Target, trust: float) -> Floats:
    """Return one text's distribution moved by ``trust`` towards its human label."""
    columns = list(target.categories)
    said = np.zeros_like(estimate)
    said[columns] = estimate[columns] + 1e-4
    moved: Floats = (1 - trust) * estimate + trust * said / said.sum()
    return moved


def as_categories(answer: Floats, label_map: LabelMap, names: Sequence[str]) -> dict[str, Floats]:
    """Return one head's prediction by category, each label read as the first category that it may mean."""
    scores = {name: np.zeros(len(answer), dtype=np.float32) for name in names}
    for place, categories in enumerate(label_map.labels.values()):
        scores[categories[0]] = scores[categories[0]] + answer[:, place]
    return scores
