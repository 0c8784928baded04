"""The gate's network: small enough to judge a text in microseconds.

It is distilled from the classifier (``model.training.gate``) and stored in the bundle.  A token is a row of its table
or a sum of rows (``model.gate_words``); a convolution over three neighbours gives the features, their maxima and means
give the score.  Whatever depends on a token alone is cached, so a text costs look-ups and additions.
All arithmetic is on integers that floats represent exactly: a score depends only on its text.

Sources: sub-word embeddings after Bojanowski et al. 2017; convolution over words with pooling after Kim 2014.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.gate_parts import Parts
from model.gate_words import Ints, Reader, Token

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MAX_TOKENS: Final = 64
"""A longer text is never cleared."""
KEPT_TOKENS: Final = 1 << 14
"""Tokens whose features are kept; at 64 features that is 12 MB."""
KEPT_PARTS: Final = 1 << 16
"""Blank-separated parts whose tokens are cached; about 8 MB."""

_WORD_GRID: Final = 64.0
_WEIGHT_GRID: Final = 2.0**20
_FEATURE_GRID: Final = 4_096.0
_HEAD_GRID: Final = 1_024.0
_PLACES: Final = 16
"""Tokens that are processed position by position, for all texts at once; the rest of longer texts follows per text."""
_ROWS: Final = 64
"""Rows multiplied at once: below this size no linear algebra library starts threads for it."""


class Weights(NamedTuple):
    """The network as trained.

    ``grams`` is [buckets, width] and int8, times ``scale``; ``words`` is [3 * features, width]: a word's contribution
    to its right neighbour, itself and its left neighbour.  ``out`` has one row per category: its distance to its limit.
    """

    grams: NDArray[np.int8]
    scale: float
    words: Floats
    words_bias: Floats
    hidden: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats


class _Places(NamedTuple):
    """Positions of the texts' tokens, longest text first: the first tokens of all texts, the second ones, and so on."""

    order: Ints
    lengths: Ints
    """Number of tokens of each text, at most ``MAX_TOKENS`` + 1."""
    tokens: Ints
    """Each token's index in the array of all texts; after the first ``_PLACES`` of all texts the rest, text by text."""
    reaches: list[int]
    """Number of texts that have a token at each of the first positions."""
    rests: Ints
    """Start of the rest of each long text, among all rests."""


def _places(rows: Ints) -> _Places:
    """Split texts: the rows of their tokens, with row 0 before each text and after the last."""
    borders = np.flatnonzero(rows == 0)
    lengths = np.minimum(borders[1:] - borders[:-1] - 1, MAX_TOKENS + 1)
    order = (-lengths.astype(np.int16)).argsort(kind="stable")  # numbers this short use radix sort
    reaches = (len(order) - np.bincount(lengths).cumsum()).tolist()
    lengths, firsts = lengths.take(order), borders.take(order) + 1
    tokens = [firsts[:reach] + place for place, reach in enumerate(reaches[:_PLACES])]
    rests = lengths[: reaches[_PLACES] if len(reaches) > _PLACES else 0] - _PLACES
    begins = rests.cumsum() - rests
    tokens.append((firsts[: len(rests)] + _PLACES - begins).repeat(rests) + np.arange(rests.sum()))
    return _Places(order, lengths, np.concatenate(tokens), reaches[:_PLACES], begins)


def _pooled(features: Floats, places: _Places) -> Doubles:
    """Return the maximum and mean of every feature over each text, in the order of the positions, in whole blocks.

    All values are integers, so their sums are exact.  Negative values count as zero.
    """
    number, width = len(places.lengths), features.shape[1]
    # Rows of zeros: numpy compares with a scalar far more slowly than with an array.
    highest, zeros = np.zeros((2, number, width), dtype=np.float32)
    at = places.reaches[0]
    np.maximum(features[:at], zeros[:at], out=highest[:at])
    total = highest.copy()
    for reach in places.reaches[1:]:
        here = features[at : at + reach]
        np.maximum(here, zeros[:reach], out=here)
        np.maximum(highest[:reach], here, out=highest[:reach])
        total[:reach] += here
        at += reach
    if longer := len(places.rests):
        here = np.maximum(features[at:], 0)
        np.maximum(highest[:longer], np.maximum.reduceat(here, places.rests), out=highest[:longer])
        total[:longer] += np.add.reduceat(here, places.rests)
    total /= np.maximum(places.lengths, 1).astype(np.float32)[:, None]
    pooled = np.empty((-(-number // _ROWS) * _ROWS, 2 * width))
    pooled[number:] = 0
    pooled[:number, :width] = highest
    np.rint(total, out=pooled[:number, width:])
    return pooled


class Net:
    """The network, in integer arithmetic.

    ``reader`` maps a text's tokens to rows of ``weights.grams``.
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
        self._out = np.rint(weights.out.astype(np.float64) * _HEAD_GRID)
        self._out_bias = weights.out_bias.astype(np.float64)[:, None]
        self._rows: dict[Token, int] = {}
        self._parts = Parts()
        self._kept: Floats = np.zeros((3, 1, self._features), dtype=np.float32)
        self._forget()

    def __call__(self, texts: Sequence[str]) -> Doubles:
        """Return each canonical text's score: how far the classifier would see it above a limit, in log-odds.

        A text of more than ``MAX_TOKENS`` tokens scores infinity.  A text's score does not depend on the others.
        """
        if not texts:
            return np.zeros(0)
        rows = self._rows_of(texts)
        places = _places(rows)
        pooled = _pooled(self._features_at(rows, places.tokens), places)
        found = self._distances(pooled)[: len(texts)]
        found[places.lengths > MAX_TOKENS] = np.inf
        distances = np.empty(len(texts))
        distances[places.order] = found
        return distances

    def _features_at(self, rows: Ints, tokens: Ints) -> Floats:
        """Return the features of the tokens at these positions: their own contribution and their neighbours'."""
        before, own, after = self._kept
        features: Floats = own.take(rows.take(tokens), axis=0)
        features += before.take(rows.take(tokens - 1), axis=0)
        features += after.take(rows.take(tokens + 1), axis=0)
        return features

    def _distances(self, pooled: Doubles) -> Doubles:
        """Return each row's highest distance to a limit."""
        weighed = pooled.reshape(-1, _ROWS, pooled.shape[1]) @ self._hidden
        weighed += self._hidden_bias
        np.maximum(weighed, np.zeros_like(weighed), out=weighed)
        weighed *= 1 / _HEAD_GRID
        distances = self._out @ np.rint(weighed, out=weighed).swapaxes(1, 2)
        distances *= 1 / (_FEATURE_GRID * _HEAD_GRID)
        distances += self._out_bias
        highest: Doubles = distances.max(axis=1).ravel()
        return highest

    def _rows_of(self, texts: Sequence[str]) -> Ints:
        """Return the cached rows of the texts' tokens, with row 0 before each text and after the last."""
        rows, unmet = self._parts.rows(texts)
        if unmet:
            self._meet(unmet, texts)
            rows, _ = self._parts.rows(texts)
        return rows

    def _meet(self, unmet: Sequence[str], texts: Sequence[str]) -> None:
        """Cache the rows of new parts; if they do not fit, start the cache over."""
        split, unknown = self._split(unmet)
        if len(self._parts) + len(split) > self._most_parts or len(self._rows) + len(unknown) > self._most_tokens:
            self._forget()
            split, unknown = self._split(self._parts.rows(texts)[1])
        if unknown:
            self._learn(unknown)
        self._parts.keep({part: [self._rows[token] for token in tokens] for part, tokens in split.items()})

    def _split(self, parts: Sequence[str]) -> tuple[dict[str, Sequence[Token]], list[Token]]:
        """Return the tokens of each part, and the new tokens among them."""
        split = dict(zip(parts, self._reader.split(parts), strict=True))
        tokens = dict.fromkeys(token for found in split.values() for token in found)
        return split, [token for token in tokens if token not in self._rows]

    def _learn(self, tokens: Sequence[Token]) -> None:
        bags, counts = self._reader.bags(tokens)
        sums = np.add.reduceat(self._grams[bags], np.concatenate([[0], np.cumsum(counts)[:-1]]), axis=0)
        scaled = np.rint(sums * (_WORD_GRID / np.sqrt(counts))[:, None])
        first = 1 + len(self._rows)
        self._rows.update(zip(tokens, range(first, first + len(tokens)), strict=True))
        if 1 + len(self._rows) > self._kept.shape[1]:
            grown = np.zeros((3, max(2 * self._kept.shape[1], 1 + len(self._rows)), self._features), dtype=np.float32)
            grown[:, :first] = self._kept[:, :first]
            self._kept = grown
        meaning = np.rint(scaled @ self._words / (_WORD_GRID * _WEIGHT_GRID / _FEATURE_GRID))
        self._kept[:, first : first + len(tokens)] = meaning.reshape(len(tokens), 3, -1).swapaxes(0, 1)
        self._kept[1, first : first + len(tokens)] += self._bias

    def _forget(self) -> None:
        self._rows = {}
        self._parts = Parts()
        self._kept = np.zeros((3, 1_024, self._features), dtype=np.float32)
