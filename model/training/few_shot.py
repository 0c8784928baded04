"""The learning curve: how many own labels are worth how much, alone and with public sets beside them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from model.training.calibrate import softmax
from model.training.data import Labelled, Sides, join
from model.training.evaluate import Progress
from model.training.fit import Order
from model.training.metrics import auc, average_precision, classes_of, macro_f1, recall_at
from model.training.train import predict, train

SIZES: Final = (100, 300, 1_000, 3_000)
LEAST_DEV: Final = 20
MOST_REPEATS: Final = 20
"""Own lines are repeated up to this often beside public ones, so that they are heard."""


def sizes_up_to(rows: int, sizes: Sequence[int] = SIZES) -> tuple[int, ...]:
    """Return the sizes that a set of so many lines allows, and all of it."""
    return (*(size for size in sorted(sizes) if size < rows), rows)


def repeats(own: int, public: int) -> int:
    """How often own lines come beside public ones: until they are as many, ``MOST_REPEATS`` at most."""
    return max(1, min(MOST_REPEATS, public // max(own, 1)))


def drawn(data: Labelled, size: int, seed: int) -> Labelled:
    """Draw lines at random; fewer where there are not as many."""
    places = np.random.default_rng(seed).permutation(len(data))[:size]
    return Labelled([data.examples[place] for place in places], [data.targets[place] for place in places])


def learning_curve(
    order: Order, sides: Sides, public: Labelled, progress: Progress, sizes: Sequence[int] = SIZES
) -> list[dict[str, Any]]:
    """Train on growing parts of the own lines, with the public ones beside them, and measure on the test side.

    Of each size a fifth develops, so that what chooses the epoch is paid for with labels too.

    One entry per size: ``labels``, ``auc``, ``average_precision``, ``recall_at_precision_90``, ``macro_f1``.
    Blocks for as long as so many trainings take.
    """
    found = []
    for size in sizes_up_to(len(sides.train), sizes):
        progress(f"learning curve: {size:,} own lines")
        seed = order.settings.seed
        own, dev = drawn(sides.train, size - size // 5, seed), drawn(sides.dev, max(size // 5, LEAST_DEV), seed)
        learn = join([*[own] * repeats(size, len(public)), public])
        found.append({"labels": size, **_measured(order, learn, Sides(own, dev, sides.test))})
    return found


def _measured(order: Order, learn: Labelled, sides: Sides) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="chatwarden-") as scratch:
        trained = train(order.settings, order.taxonomy, learn, sides.dev, Path(scratch))
    shares = softmax(predict(trained, sides.test.texts, order.settings.max_tokens))
    scores = trained.outputs.spread(shares, len(order.taxonomy.names))
    classes = classes_of(sides.test.targets, order.taxonomy)
    toxic, ranked = classes.toxic, classes.toxic_scores(scores)
    measures = {
        "auc": auc(toxic, ranked),
        "average_precision": average_precision(toxic, ranked),
        "recall_at_precision_90": recall_at(0.9, toxic, ranked),
        "macro_f1": macro_f1(classes.truth, classes.scores(scores).argmax(axis=1)),
    }
    return {name: round(value, 4) for name, value in measures.items()}
