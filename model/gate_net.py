"""The gate: a tiny network that clears what the classifier would not act on, for microseconds a text.

It is distilled from the classifier (``model.training.gate``) and travels in the bundle.  A token is a row of its table
or a sum of rows (``model.gate_words``), three neighbours make a feature, the highest and the mean of each feature make
the verdict.  What depends on a token alone is kept, so a text costs look-ups and additions.  All arithmetic is on whole
numbers that floats hold exactly: a text's score depends on nothing but the text.

Sources: sub-word embeddings after Bojanowski et al. 2017; convolution over words with pooling after Kim 2014.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.gate_words import Ints, Reader, Token

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MAX_TOKENS: Final = 64
"""A longer text is never cleared."""
KEPT_TOKENS: Final = 1 << 14
"""Tokens whose features are kept; at 64 features that is 12 MB."""
KEPT_PARTS: Final = 1 << 16
"""Of what stands between blanks: how much is kept as tokens; about 10 MB."""
TEXT: Final = "\n"
"""Stands before each text; no canonical text has one."""

_WORD_GRID: Final = 64.0
_WEIGHT_GRID: Final = 2.0**20
_FEATURE_GRID: Final = 4_096.0
_HEAD_GRID: Final = 1_024.0
_PLACES: Final = 12
"""Tokens that are looked at place by place, in all texts at once; the rest of longer texts follows text by text."""
_ROWS: Final = 64
"""Rows multiplied at once: below this size no linear algebra library starts threads for it."""


class Weights(NamedTuple):
    """The network as trained.

    ``grams`` is [buckets, width] and int8, times ``scale``; ``words`` is [3 * features, width]: what a word means to
    its right neighbour, itself and its left neighbour.  ``out`` has one row per category: its distance to its limit.
    """

    grams: NDArray[np.int8]
    scale: float
    words: Floats
    words_bias: Floats
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats


def parts_of(texts: Sequence[str]) -> list[str]:
    """Return what stands between blanks, with ``TEXT`` before each text."""
    return (f"{TEXT} " + f" {TEXT} ".join(texts)).split(" ")


def _pooled(features: Floats, starts: Ints, lengths: Ints) -> Doubles:
    """Return each text's highest and mean value of every feature, place by place; far quicker than ``reduceat``.

    ``starts`` has the place before each text's first token.  All values are whole, so their sums are exact.
    """
    order = np.argsort(-lengths, kind="stable")
    firsts, falling = starts[order] + 1, -lengths[order]
    width = features.shape[1]
    highest, total = np.zeros((2, len(starts), width), dtype=np.float32)
    for place in range(min(int(lengths.max()), _PLACES)):
        reach = int(np.searchsorted(falling, -place, side="left"))
        here = features[firsts[:reach] + place]
        np.maximum(highest[:reach], here, out=highest[:reach])
        total[:reach] += here
    for place in range(int(np.searchsorted(falling, -_PLACES, side="left"))):
        rest = features[firsts[place] + _PLACES : firsts[place] - falling[place]]
        np.maximum(highest[place], rest.max(axis=0), out=highest[place])
        total[place] += rest.sum(axis=0)
    pooled = np.empty((len(starts), 2 * width))
    pooled[order, :width] = highest
    pooled[order, width:] = np.rint(total / np.maximum(-falling, 1).astype(np.float32)[:, None])
    return pooled


class Net:
    """The network, in whole numbers.

    ``reader`` tells which rows of ``weights.grams`` a text's tokens are made of.
    """

    def __init__(self, weights: Weights, reader: Reader, kept: tuple[int, int] = (KEPT_TOKENS, KEPT_PARTS)) -> None:
        self._reader = reader
        self._most_tokens, self._most_parts = kept
        self._grams = weights.grams.astype(np.float64)
        self._words = np.rint(weights.words.astype(np.float64).T * weights.scale * _WEIGHT_GRID)
        self._features = len(weights.words) // 3
        self._bias = np.rint(weights.words_bias * _FEATURE_GRID).astype(np.float32)
        self._hidden = np.rint(weights.hidden.astype(np.float64).T * _HEAD_GRID)
        self._hidden_bias = np.rint(weights.hidden_bias.astype(np.float64) * _HEAD_GRID * _FEATURE_GRID)
        self._out = np.rint(weights.out.astype(np.float64).T * _HEAD_GRID)
        self._out_bias = weights.out_bias.astype(np.float64)
        self._rows: dict[Token, int] = {}
        self._parts: dict[str, tuple[int, ...]] = {}
        self._kept: Floats = np.zeros((1, 3 * self._features), dtype=np.float32)
        self._forget()

    def __call__(self, texts: Sequence[str]) -> Doubles:
        """Return each canonical text's score: how far the classifier would see it above a limit, in log-odds.

        What has more than ``MAX_TOKENS`` tokens scores infinity.  A text's score does not depend on the others.
        """
        if not texts:
            return np.zeros(0)
        rows = self._rows_of(texts)
        starts = np.flatnonzero(rows == 0)
        lengths = np.diff(starts, append=len(rows)) - 1
        kept = self._kept[rows]
        width = self._features
        features = kept[:, width : 2 * width] + self._bias
        features[1:] += kept[:-1, :width]
        features[:-1] += kept[1:, 2 * width :]
        np.maximum(features, 0, out=features)
        pooled = _pooled(features, starts, lengths)
        weighed = [pooled[start : start + _ROWS] @ self._hidden for start in range(0, len(pooled), _ROWS)]
        hidden = np.rint(np.maximum(np.concatenate(weighed) + self._hidden_bias, 0) / _HEAD_GRID)
        distances = hidden @ self._out / (_FEATURE_GRID * _HEAD_GRID) + self._out_bias
        highest_distance: Doubles = distances.max(axis=1)
        highest_distance[lengths > MAX_TOKENS] = np.inf
        return highest_distance

    def _rows_of(self, texts: Sequence[str]) -> Ints:
        """Return the kept rows of the texts' tokens, row 0 before each text."""
        parts = parts_of(texts)
        try:
            rows = list(chain.from_iterable(map(self._parts.__getitem__, parts)))
        except KeyError:
            self._meet(parts)
            rows = list(chain.from_iterable(map(self._parts.__getitem__, parts)))
        return np.array(rows, dtype=np.int64)

    def _meet(self, parts: Sequence[str]) -> None:
        """Keep the rows of what has not been met, of all of it where that is too much to add."""
        new, unknown = self._unmet(parts)
        if len(self._parts) + len(new) > self._most_parts or len(self._rows) + len(unknown) > self._most_tokens:
            self._forget()
            new, unknown = self._unmet(parts)
        if unknown:
            self._learn(unknown)
        self._parts.update((part, tuple(self._rows[token] for token in found)) for part, found in new.items())

    def _unmet(self, parts: Sequence[str]) -> tuple[dict[str, Sequence[Token]], list[Token]]:
        """Return the parts that have not been met, each as tokens, and the tokens among them that are new."""
        new = [part for part in dict.fromkeys(parts) if part not in self._parts]
        split = dict(zip(new, self._reader.split(new), strict=True))
        tokens = dict.fromkeys(token for found in split.values() for token in found)
        return split, [token for token in tokens if token not in self._rows]

    def _learn(self, tokens: Sequence[Token]) -> None:
        bags, counts = self._reader.bags(tokens)
        sums = np.add.reduceat(self._grams[bags], np.concatenate([[0], np.cumsum(counts)[:-1]]), axis=0)
        scaled = np.rint(sums * (_WORD_GRID / np.sqrt(counts))[:, None])
        first = 1 + len(self._rows)
        self._rows.update(zip(tokens, range(first, first + len(tokens)), strict=True))
        if 1 + len(self._rows) > len(self._kept):
            grown = np.zeros((max(2 * len(self._kept), 1 + len(self._rows)), self._kept.shape[1]), dtype=np.float32)
            grown[:first] = self._kept[:first]
            self._kept = grown
        self._kept[first : first + len(tokens)] = np.rint(
            scaled @ self._words / (_WORD_GRID * _WEIGHT_GRID / _FEATURE_GRID)
        )

    def _forget(self) -> None:
        self._rows = {}
        self._parts = {TEXT: (0,)}
        self._kept = np.zeros((1_024, self._kept.shape[1]), dtype=np.float32)
