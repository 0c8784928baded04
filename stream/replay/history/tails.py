"""Tails of verdicts, recognised by the shape of earlier ones.

A tail is what follows the decision (see ``stream.replay.history.written``).  Verdicts of one worker about one topic end
alike: their digests and the topic are the same, and times and numbers are mostly as long as in the last one.  So a few
*shapes* are learnt, each from one value by a regular expression, and a whole batch is compared with a shape at once.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from stream.replay.history.columns import Codes
from stream.replay.history.joined import PADDING, Bytes, Joined, Mask, Pattern

_TAIL: Final = re.compile(
    rb',"fingerprint":"(?P<fingerprint>[^"]{32})",(?P<digests>"scorer":"[^"]{32}","policy":"[^"]{32}"),'
    rb'"sent_at":"(?P<sent>[^"]*)","decided_at":"(?P<decided>[^"]*)",'
    rb'"origin":\{"topic":"(?P<topic>[^"]*)","partition":(?P<partition>0|[1-9][0-9]{0,17}),'
    rb'"offset":(?P<offset>0|[1-9][0-9]{0,17})\}\}\Z'
)
"""Numbers of up to 18 digits fit into 64 bits."""
_LONGEST: Final = PADDING // 2
"""Maximum bytes of a recognised tail."""
KEPT: Final = 8
"""Shapes remembered between batches, and the maximum tried per batch."""
_ZERO: Final = ord("0")


class Ending(NamedTuple):
    """The common parts of tails of one shape: the members ``scorer`` and ``policy``, and the origin's topic."""

    digests: bytes
    topic: bytes


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a tail, and the positions of its numbers."""

    pattern: Pattern
    partition: slice
    offset: slice
    ending: Ending

    @classmethod
    def of(cls, value: bytes) -> Self | None:
        """Learn the shape of a value's tail; None if it has none."""
        found = _TAIL.search(value, max(0, len(value) - _LONGEST))
        if found is None:
            return None
        first = found.start()
        pattern = Pattern(value[first:])
        places = {name: slice(found.start(name) - first, found.end(name) - first) for name in found.groupdict()}
        for name in ("fingerprint", "sent", "decided"):
            pattern.allow_string(places[name])
        for name in ("partition", "offset"):
            pattern.allow(places[name], _ZERO, 9)
            if len(found[name]) > 1:
                pattern.allow(slice(places[name].start, places[name].start + 1), _ZERO + 1, 8)
        return cls(pattern, places["partition"], places["offset"], Ending(found["digests"], found["topic"]))


def _numbers(digits: Bytes) -> Codes:
    """Read numbers, a row of digits each; other bytes give arbitrary numbers."""
    powers = 10 ** np.arange(digits.shape[1], dtype=np.int64)[::-1]
    numbers: Codes = (digits - _ZERO).astype(np.int64) @ powers
    return numbers


class Tails:
    """The tails of some values of a batch.  Columns have an entry for each value; -1 if unknown.

    ``shape`` is an index into ``endings``.
    """

    def __init__(self, text: Joined, among: Mask) -> None:
        self.start, self.partition, self.offset, self.shape = np.full((4, len(among)), -1, np.int64)
        self.endings: list[Ending] = []
        self._text: Final = text
        self._left = np.flatnonzero(among)

    def recognise(self, shape: Shape) -> int:
        """Read the remaining tails of this shape; return how many there were."""
        if not len(self._left):
            return 0
        start = self._text.end[self._left] - len(shape.pattern)
        tails = self._text.pieces(start, len(shape.pattern))
        fits = shape.pattern.matches(tails) & (start >= self._text.start[self._left])
        rows = self._left[fits]
        self.start[rows] = start[fits]
        self.partition[rows] = _numbers(tails[:, shape.partition][fits])
        self.offset[rows] = _numbers(tails[:, shape.offset][fits])
        self.shape[rows] = len(self.endings)
        self.endings.append(shape.ending)
        self._left = self._left[~fits]
        return len(rows)

    def learn(self) -> Shape | None:
        """Learn the shape of the first remaining tail; None if it has none, and then it no longer remains."""
        if not len(self._left):
            return None
        first = self._left[0]
        shape = Shape.of(self._text.text[self._text.start[first] : self._text.end[first]])
        if shape is None:
            self._left = self._left[1:]
        return shape


class TailReader:
    """Reads tails.  Remembers the most recent shapes, the most frequent first."""

    def __init__(self) -> None:
        self._shapes: list[Shape] = []

    def __call__(self, text: Joined, among: Mask) -> Tails:
        """Read the tails of some values."""
        tails = Tails(text, among)
        found = [(tails.recognise(shape), shape) for shape in self._shapes]
        for _ in range(KEPT):
            shape = tails.learn()
            if shape is not None:
                found.append((tails.recognise(shape), shape))
        found.sort(key=lambda each: -each[0])
        self._shapes = [shape for count, shape in found if count][:KEPT]
        return tails
