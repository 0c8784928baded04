"""What is settled on the development texts once the network is trained: temperature, offsets, thresholds."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.training.labels import Target
from model.training.recipe.measure import (
    FOUR,
    INTENTS,
    calibration_error,
    conda_truth,
    four_classes,
    gametox_truth,
    intents,
    macro_f1,
)
from model.training.sources import Example

Floats = NDArray[np.float32]

OFFSET_GROUPS: Final = (
    ("profanity",),
    ("hate", "threat", "self_harm", "extremism"),
    ("taunt",),
    ("report_call",),
    ("non_toxic",),
)
TOLERATED_ECE: Final = 0.035
STEPS: Final = (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9)


def probabilities(logits: Floats, temperature: float = 1.0) -> Floats:
    """Return the softmax of ``logits`` / ``temperature``."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), dtype=np.float32)


def by_name(scores: Floats, names: Sequence[str]) -> dict[str, Floats]:
    """Return the columns of ``scores`` by category."""
    return {name: scores[:, place] for place, name in enumerate(names)}


def settle_temperature(logits: Floats, targets: Sequence[Target]) -> float:
    """Return the temperature with the least negative log likelihood of what people said.

    Source: Guo et al. 2017, with a label's categories summed.
    """
    admitted = np.zeros_like(logits)
    for row, target in enumerate(targets):
        admitted[row, list(target.categories)] = 1

    def loss(temperature: float) -> float:
        said = (probabilities(logits, temperature) * admitted).sum(1)
        return float(-np.log(said + 1e-9).mean())

    grid = np.round(np.arange(0.6, 2.01, 0.05), 2)
    return float(min(grid, key=loss))


def settle_offsets(logits: Mapping[str, Floats], dev: Mapping[str, Sequence[Example]], names: Sequence[str]) -> Floats:
    """Return what to add to the logits so that macro-F1 over both games' classes is highest on ``dev``.

    Coordinate ascent over a few steps per group of categories; the rare classes gain by it, ranking hardly moves, and
    a calibration error above ``TOLERATED_ECE`` costs as much as it exceeds that.
    Source: logit adjustment, Menon et al. 2021, fitted instead of derived from class shares.
    """
    offsets = np.zeros(len(names), dtype=np.float32)
    best = both_games(logits, dev, names) - miscalibration(logits, dev, names)
    for group in OFFSET_GROUPS * 2:
        columns = [names.index(name) for name in group]
        for step in STEPS:
            tried = offsets.copy()
            tried[columns] = step
            moved = {game: part + tried for game, part in logits.items()}
            quality = both_games(moved, dev, names) - miscalibration(moved, dev, names)
            if quality > best + 5e-4:
                best, offsets = quality, tried
    return offsets


def both_games(logits: Mapping[str, Floats], dev: Mapping[str, Sequence[Example]], names: Sequence[str]) -> float:
    """Return GameTox four-class macro-F1 plus CONDA macro-F1: the metric that epochs and offsets are chosen by."""
    gametox = four_classes(by_name(probabilities(logits["gametox"]), names)).argmax(1)
    conda = intents(by_name(probabilities(logits["conda"]), names)).argmax(1)
    first = macro_f1(gametox_truth([example.labels[0] for example in dev["gametox"]]), gametox, FOUR)
    second = macro_f1(conda_truth([example.labels[0] for example in dev["conda"]]), conda, INTENTS)
    return first["macro_f1"] + second["macro_f1"]


def miscalibration(logits: Mapping[str, Floats], dev: Mapping[str, Sequence[Example]], names: Sequence[str]) -> float:
    """Return how far the calibration errors of "toxic" in both games exceed ``TOLERATED_ECE``, together."""
    gametox = four_classes(by_name(probabilities(logits["gametox"]), names))
    conda = intents(by_name(probabilities(logits["conda"]), names))
    rude = gametox_truth([example.labels[0] for example in dev["gametox"]]) > 0
    meant = conda_truth([example.labels[0] for example in dev["conda"]]) < 2
    errors = (calibration_error(rude, 1 - gametox[:, 0]), calibration_error(meant, conda[:, 0] + conda[:, 1]))
    return sum(max(0.0, error - TOLERATED_ECE) for error in errors)


def threshold_for(precision: float, truth: NDArray[np.bool_], score: Floats, least: int = 10) -> float | None:
    """Return the lowest threshold whose precision on ``truth`` reaches ``precision``; None when too few say so."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(truth[order])
    counted = np.arange(1, len(order) + 1)
    good = np.flatnonzero((hits / counted >= precision) & (hits >= least))
    return float(score[order[good[-1]]]) if len(good) else None
