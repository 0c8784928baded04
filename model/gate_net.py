"""The gate's network: small enough to judge a text in microseconds.

It is distilled from the classifier (``model.training.gate``) and stored in the bundle.  A token is a row of its table
or a sum of rows (``model.gate_words``); a convolution over three neighbours gives the features, their maxima and means
give the score.  Whatever depends on a token alone is cached, so a text costs look-ups and additions.
All arithmetic is on integers that floats represent exactly: a score depends only on its text.

Sources: sub-word embeddings after Bojanowski et al. 2017; convolution over words with pooling after Kim 2014.
"""

import threading
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.gate_parts import PartRows
from model.gate_words import Ints, Reader, Token
from model.parts import Lines, read

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

MAX_TOKENS: Final = 64
"""A longer text is never cleared."""
KEPT_TOKENS: Final = 1 << 14
"""Tokens whose features are kept; at 64 features that is 12 MB."""
KEPT_PARTS: Final = 1 << 16
"""Blank-separated parts whose tokens are cached; about 2 MB."""

_WORD_GRID: Final = 64.0
_WEIGHT_GRID: Final = 2.0**20
_FEATURE_GRID: Final = 4_096.0
_HEAD_GRID: Final = 1_024.0
_PLACES: Final = 16
"""Tokens that are processed position by position, for all texts at once; the rest of longer texts follows per text."""
_TOKENS: Final = 512
"""Tokens whose features are added up at once."""
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


def _pooled(features: Floats, places: _Places) -> tuple[Floats, Floats]:
    """Return the maximum and mean of every feature over each text, in the order of the positions.

    All values are integers, so their sums are exact.  Negative features are zero already.
    """
    number, width = len(places.lengths), features.shape[1]
    at = places.reaches[0]
    highest = np.zeros((number, width), dtype=np.float32)
    highest[:at] = features[:at]
    total = highest.copy()
    for reach in places.reaches[1:]:
        here = features[at : at + reach]
        np.maximum(highest[:reach], here, out=highest[:reach])
        total[:reach] += here
        at += reach
    if longer := len(places.rests):
        here = features[at:]
        np.maximum(highest[:longer], np.maximum.reduceat(here, places.rests), out=highest[:longer])
        total[:longer] += np.add.reduceat(here, places.rests)
    total /= np.maximum(places.lengths, 1).astype(np.float32)[:, None]
    return highest, np.rint(total, out=total)


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
        # Transposed in place, not copied: linear algebra is a third faster with columns in a row.
        self._hidden = np.rint(weights.hidden.astype(np.float64) * _HEAD_GRID).T
        self._hidden_bias = np.rint(weights.hidden_bias.astype(np.float64) * _HEAD_GRID * _FEATURE_GRID)
        self._out = np.rint(weights.out.astype(np.float64) * _HEAD_GRID)
        self._out_bias = weights.out_bias.astype(np.float64)[:, None]
        self._zeros = np.zeros((_TOKENS, self._features), dtype=np.float32)
        """Numpy compares with a number far more slowly than with an array."""
        self._lock = threading.Lock()
        self._rows: dict[Token, int] = {}
        self._parts = PartRows()
        self._kept: Floats = np.zeros((1, 3, self._features), dtype=np.float32)
        """By token: what it adds to the next one, to itself and to the one before."""

    def __call__(self, texts: Sequence[str]) -> Doubles:
        """Return each canonical text's score: how far the classifier would see it above a limit, in log-odds.

        A text of more than ``MAX_TOKENS`` tokens scores infinity.  A text's score does not depend on the others.
        """
        return self.scores(read(texts))

    def scores(self, *given: Lines) -> Doubles:
        """Return the scores of texts that have been read, under the same numbering.  Any thread may call this."""
        number = sum(len(lines.texts) for lines in given)
        if not number:
            return np.zeros(0)
        with self._lock:  # both use what is kept of words, and the first adds to it
            rows = self._rows_of(given)
            places = _places(rows)
            features = self._features_at(rows, places)
        found = self._distances(*_pooled(features, places))
        found[places.lengths > MAX_TOKENS] = np.inf
        distances = np.empty(number)
        distances[places.order] = found
        return distances

    def _features_at(self, rows: Ints, places: _Places) -> Floats:
        """Return the features of the tokens: their own contribution and their neighbours', zero where negative.

        Some tokens at a time, so that they stay in the processor's cache from one step to the next.
        """
        kept = self._kept.reshape(-1, self._features)
        first, end = places.reaches[0], len(places.tokens)
        owns, afters = rows.take(places.tokens), rows.take(places.tokens + 1)
        befores = rows.take(places.tokens[first:] - 1)
        owns += 1
        afters += 2
        features = np.empty((end, self._features), dtype=np.float32)
        for start, stop in pairwise([*range(0, first, _TOKENS), *range(first, end, _TOKENS), end]):
            here = features[start:stop]
            kept.take(owns[start:stop], axis=0, out=here, mode="clip")  # other modes copy once more
            if start >= first:  # nothing is before a text's first token
                here += kept.take(befores[start - first : stop - first], axis=0, mode="clip")
            here += kept.take(afters[start:stop], axis=0, mode="clip")
            np.maximum(here, self._zeros[: stop - start], out=here)
        return features

    def _distances(self, highest: Floats, means: Floats) -> Doubles:
        """Return each row's highest distance to a limit."""
        number, width = highest.shape
        weighed = np.zeros((-(-number // _ROWS) * _ROWS, len(self._hidden_bias)))
        pooled = np.empty((_ROWS, 2 * width))
        for start in range(0, number, _ROWS):
            rows = pooled[: number - start]
            rows[:, :width] = highest[start : start + _ROWS]
            rows[:, width:] = means[start : start + _ROWS]
            np.matmul(rows, self._hidden, out=weighed[start : start + len(rows)])
        weighed += self._hidden_bias
        np.maximum(weighed, np.zeros_like(weighed), out=weighed)
        weighed *= 1 / _HEAD_GRID
        distances = self._out @ np.rint(weighed, out=weighed).reshape(-1, _ROWS, weighed.shape[1]).swapaxes(1, 2)
        distances *= 1 / (_FEATURE_GRID * _HEAD_GRID)
        distances += self._out_bias
        highest_of_all: Doubles = distances.max(axis=1).ravel()[:number]
        return highest_of_all

    def _rows_of(self, given: Sequence[Lines]) -> Ints:
        """Return the cached rows of the texts' tokens, with row 0 before each text and after the last."""
        rows, unmet = self._parts.rows(given)
        if unmet:
            self._meet(unmet, given)
            rows, _ = self._parts.rows(given)
        return rows

    def _meet(self, unmet: Mapping[int, str], given: Sequence[Lines]) -> None:
        """Cache the rows of new parts; if they do not fit, start the cache over."""
        split, unknown = self._split(unmet)
        if len(self._parts) + len(split) > self._most_parts or len(self._rows) + len(unknown) > self._most_tokens:
            self._forget()
            split, unknown = self._split(self._parts.rows(given)[1])
        if unknown:
            self._learn(unknown)
        self._parts.keep({number: [3 * self._rows[token] for token in tokens] for number, tokens in split.items()})

    def _split(self, parts: Mapping[int, str]) -> tuple[dict[int, Sequence[Token]], list[Token]]:
        """Return the tokens of each part, and the new tokens among them."""
        split = dict(zip(parts, self._reader.split(list(parts.values())), strict=True))
        tokens = dict.fromkeys(token for found in split.values() for token in found)
        return split, [token for token in tokens if token not in self._rows]

    def _learn(self, tokens: Sequence[Token]) -> None:
        bags, counts = self._reader.bags(tokens)
        sums = np.add.reduceat(self._grams[bags], np.concatenate([[0], np.cumsum(counts)[:-1]]), axis=0)
        scaled = np.rint(sums * (_WORD_GRID / np.sqrt(counts))[:, None])
        first = 1 + len(self._rows)
        self._rows.update(zip(tokens, range(first, first + len(tokens)), strict=True))
        if 1 + len(self._rows) > len(self._kept):
            grown = np.zeros((max(2 * len(self._kept), 1 + len(self._rows)), 3, self._features), dtype=np.float32)
            grown[:first] = self._kept[:first]
            self._kept = grown
        meaning = np.rint(scaled @ self._words / (_WORD_GRID * _WEIGHT_GRID / _FEATURE_GRID))
        self._kept[first : first + len(tokens)] = meaning.reshape(len(tokens), 3, -1)
        self._kept[first : first + len(tokens), 1] += self._bias

    def _forget(self) -> None:
        self._rows = {}
        self._parts = PartRows()
        self._kept = np.zeros((1, 3, self._features), dtype=np.float32)
