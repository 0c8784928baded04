"""A gate made on the spot: random n-grams, and a network that marks whatever resembles one word."""

from typing import Any

import numpy as np

from model.gate import Gate, GateEntry, Point
from model.gate_net import Net, Weights
from model.gate_words import Words, gram_buckets

MARKED = "rotten"
BUCKETS, WIDTH, FEATURES, HIDDEN = 1 << 10, 64, 4, 3


def weights(seed: int = 3) -> Weights:
    """Return a network whose first feature is high for ``MARKED`` and whose others are noise."""
    rng = np.random.default_rng(seed)
    grams = rng.integers(-100, 100, size=(BUCKETS, WIDTH)).astype(np.int8)
    buckets, _ = gram_buckets([MARKED], BUCKETS)
    direction = grams[buckets].sum(axis=0) / np.sqrt(len(buckets))
    words = rng.normal(0, 0.0001, size=(3 * FEATURES, WIDTH))
    words[FEATURES] = direction / np.square(direction).sum()
    hidden = rng.normal(0, 0.01, size=(HIDDEN, 2 * FEATURES))
    hidden[0, 0] = 1.0
    return Weights(
        grams=grams,
        scale=1.0,
        words=words.astype(np.float32),
        words_bias=np.full(FEATURES, -0.5, dtype=np.float32),
        hidden=hidden.astype(np.float32),
        hidden_bias=np.zeros(HIDDEN, dtype=np.float32),
        out=np.array([[10.0, 0.1, 0.1], [0.1, 0.1, 0.1]], dtype=np.float32),
        out_bias=np.array([-4.0, -4.0], dtype=np.float32),
    )


def entry() -> GateEntry:
    """Return operating points for limits of 0.5 and of 0.2 on insults and threats."""
    points = [({"insult": at, "threat": at}, {"0.99": by, "0.999": by - 1}) for at, by in ((0.5, 0.0), (0.2, -1.0))]
    return GateEntry(scale=1.0, points=tuple(Point(limits=limits, thresholds=kept) for limits, kept in points))


def a_net(**given: Any) -> Net:
    """Return the network, reading words as n-grams."""
    return Net(weights(), Words(BUCKETS), **given)


def a_gate() -> Gate:
    """Return the gate."""
    return Gate(a_net(), entry(), "0" * 32)
