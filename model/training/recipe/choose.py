"""What is chosen on the development texts after training: offsets, twins, temperature, thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.training.labels import Target
from model.training.recipe.report import conda_figures, gametox_figures
from model.training.sources import Example

Floats = NDArray[np.float32]

STEPS: Final[Mapping[tuple[str, ...], Sequence[float]]] = {
    ("profanity",): (-0.3, 0.0, 0.3, 0.6, 0.9, 1.2),
    ("hate", "threat", "self_harm", "extremism"): (0.0, 0.3, 0.6, 0.9, 1.2),
    ("taunt",): (-0.6, -0.3, 0.0, 0.3, 0.6, 0.9, 1.2),
    ("report_call",): (-0.6, -0.3, 0.0, 0.3, 0.6, 0.9, 1.2),
    ("insult",): (-0.3, 0.0, 0.3),
    ("non_toxic",): (-0.3, 0.0, 0.3),
}
"""Candidate offsets of the logits of a group of categories; the rarest are never made rarer."""

TWINS: Final = ("taunt", "report_call")
DISTANCES: Final = (0.2, 0.4, 0.6, 0.8, 1.2, 2.0)
ROUNDS: Final = 3
GAIN: Final = 5e-4
"""Minimum gain of an accepted step."""

TOLERATED_ECE: Final = 0.035
READINGS: Final = ("auc", "ap", "strict_auc", "strict_ap")


@dataclass(frozen=True, slots=True)
class Settled:
    """Adjustments of the network's outputs: ``offsets`` on its logits, twins of some outputs, a temperature.

    Games disagree whether a taunt or a call for a report is toxic.  Such a category gets a second output, its twin,
    whose logit lies the given distance below and which counts as ``non_toxic``.  The scores then show the
    disagreement: 1 - P(non_toxic) ranks it below abuse, while it stays the likeliest category.
    """

    names: tuple[str, ...]
    offsets: Floats
    twins: Mapping[str, float]
    temperature: float = 1.0

    def outputs(self, logits: Floats) -> Floats:
        """Return the logits of every output, the categories and then the twins, at this temperature."""
        moved = logits + self.offsets
        twins = [moved[:, [self.names.index(name)]] - distance for name, distance in self.twins.items()]
        return np.asarray(np.concatenate([moved, *twins], axis=1) / self.temperature, dtype=np.float32)

    def scores(self, logits: Floats) -> dict[str, Floats]:
        """Return probabilities by category."""
        shares = probabilities(self.outputs(logits))
        scores = by_name(shares[:, : len(self.names)], self.names)
        return scores | {"non_toxic": scores["non_toxic"] + shares[:, len(self.names) :].sum(1)}


def probabilities(logits: Floats) -> Floats:
    """Return the softmax of ``logits``."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), dtype=np.float32)


def by_name(scores: Floats, names: Sequence[str]) -> dict[str, Floats]:
    """Return the columns of ``scores`` by category."""
    return {name: scores[:, place] for place, name in enumerate(names)}


def settle(
    logits: Mapping[str, Floats],
    dev: Mapping[str, Sequence[Example]],
    targets: Mapping[str, Sequence[Target]],
    names: Sequence[str],
) -> Settled:
    """Return the offsets and twins of the highest ``quality`` on ``dev``, and then the temperature.

    Coordinate ascent over the offsets of each group and the distances of the twins.
    Source: logit adjustment, Menon et al. 2021, fitted instead of derived from class shares.
    """
    best = Settled(tuple(names), np.zeros(len(names), dtype=np.float32), dict.fromkeys(TWINS, 0.8))
    height = quality(best, logits, dev)
    for group in [*STEPS, *((name, "") for name in TWINS)] * ROUNDS:
        tried = _twins_moved(best, group[0]) if group not in STEPS else _offsets_moved(best, group)
        found, step = max(((quality(one, logits, dev), one) for one in tried), key=lambda pair: pair[0])
        if found > height + GAIN:
            height, best = found, step
    return replace(best, temperature=settle_temperature(best, logits, targets))


def _offsets_moved(settled: Settled, group: Sequence[str]) -> list[Settled]:
    columns = np.isin(settled.names, group)
    return [
        replace(settled, offsets=np.where(columns, step, settled.offsets).astype(np.float32))
        for step in STEPS[tuple(group)]
    ]


def _twins_moved(settled: Settled, name: str) -> list[Settled]:
    return [replace(settled, twins={**settled.twins, name: distance}) for distance in DISTANCES]


def settle_temperature(
    settled: Settled, logits: Mapping[str, Floats], targets: Mapping[str, Sequence[Target]]
) -> float:
    """Return the temperature with the lowest negative log likelihood of the labels.

    Source: Guo et al. 2017, with a label's categories summed.
    """
    admitted = {game: np.zeros_like(logits[game]) for game in targets}
    for game, said in targets.items():
        for row, target in enumerate(said):
            admitted[game][row, list(target.categories)] = 1

    def loss(temperature: float) -> float:
        at = replace(settled, temperature=temperature)
        right = [(np.stack([*at.scores(logits[game]).values()], axis=1) * admitted[game]).sum(1) for game in admitted]
        return float(-np.log(np.concatenate(right) + 1e-9).mean())

    grid = np.round(np.arange(0.6, 2.01, 0.05), 2)
    return float(min(grid, key=loss))


def quality(settled: Settled, logits: Mapping[str, Floats], dev: Mapping[str, Sequence[Example]]) -> float:
    """Return the objective by which epochs, offsets and twins are chosen.

    Both games' macro-F1, and ranking on GameTox in both readings (what the policy acts on; 1 - P(non_toxic)); a
    calibration error above ``TOLERATED_ECE`` costs twice what it exceeds that by.
    """
    gametox = gametox_figures(dev["gametox"], settled.scores(logits["gametox"]))
    conda = conda_figures(dev["conda"], settled.scores(logits["conda"]))
    gained = gametox["macro_f1"] + conda["macro_f1"] + sum(gametox[name] for name in READINGS)
    return gained - 2 * sum(max(0.0, figures["ece"] - TOLERATED_ECE) for figures in (gametox, conda))


def threshold_for(precision: float, truth: NDArray[np.bool_], score: Floats, least: int = 10) -> float | None:
    """Return the lowest threshold whose precision on ``truth`` reaches ``precision``; None with too few positives."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(truth[order])
    counted = np.arange(1, len(order) + 1)
    good = np.flatnonzero((hits / counted >= precision) & (hits >= least))
    return float(score[order[good[-1]]]) if len(good) else None
