"""Verdicts as our own worker writes them, taken apart a batch at once by where their strings begin and end.

The worker writes a verdict's fields in one order and without spaces (``schemas.codec.Ruling``):

========  ==========================================================================================
head      ``{"verdict_id":"…","event_id":"…","player_id":"…","channel_id":"…","game_id":"…",``
decision  ``"action":"…","category":"…","scores":{…},"resolved_by":"…","matches":[…],"severity":0``
tail      ``,"fingerprint":"…","scorer":"…","policy":"…","sent_at":"…","decided_at":"…",``
          ``"origin":{"topic":"…","partition":0,"offset":0}}``
========  ==========================================================================================

A value is *written* so if its head, read from the front, and its tail, read from the back, have these bytes around
their strings.  A string ends at the next quote, since no value with a backslash or a control character is taken for
written.  What a decision says is left to the general reader (``stream.replay.history.recorded``), once per distinct
decision, and so is every value that is not written so.  This is only a quicker way to what the general reader finds;
a property test holds it to that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.replay.history.columns import Codes

Mask = NDArray[np.bool_]

_HOLE: Final = b"?" * 32
"""Stands in a pattern for as many bytes, none of them a quote: a digest."""
_START: Final = b'{"verdict_id":"' + _HOLE + b'","event_id":"'
_IDS: Final = (b'","player_id":"', b'","channel_id":"', b'","game_id":"')
_DECISION: Final = b'","'
_DIGESTS: Final = b',"fingerprint":"' + _HOLE + b'","scorer":"' + _HOLE + b'","policy":"' + _HOLE + b'","sent_at":"'
_SCORER: Final = _DIGESTS.index(b'"scorer"')
_SENT: Final = _DIGESTS.index(b',"sent_at"')
_DECIDED, _TOPIC, _PARTITION, _OFFSET, _END = (
    b'","decided_at":"',
    b'","origin":{"topic":"',
    b'","partition":',
    b',"offset":',
    b"}}",
)
_NAME, _SHORT = 64, 40
"""Most bytes looked through for the end of an id or a topic, and of a time or number.

A value with a longer one is left to the general reader.
"""
_PADDING: Final = b" " * 1_024
"""Before the first value and behind the last: whatever a value holds, one looks no further than this beyond it."""
_DIGITS: Final = 18
"""Most digits of a number that are sure to fit into 64 bits."""
_SPACE, _QUOTE, _ZERO, _COLON, _ANY, _BACKSLASH = b' "0:?\\'


class Slices(NamedTuple):
    """Pieces of text: the distinct ones, and each row's place among them."""

    distinct: list[bytes]
    place: Codes


class _Text:
    """The values of a batch, one behind the other; ``start`` and ``end`` say where each is."""

    def __init__(self, values: Sequence[bytes]) -> None:
        self.text: Final = b"".join([_PADDING, *values, _PADDING])
        self.bytes: Final = np.frombuffer(self.text, np.uint8)
        lengths = np.fromiter(map(len, values), np.int64, len(values))
        self.end: Final = np.cumsum(lengths) + len(_PADDING)
        self.start: Final = self.end - lengths

    def plain(self) -> Mask:
        """Whether values are free of what makes a string say something other than it shows, or be no string at all."""
        plain = np.ones(len(self.end), np.bool_)
        if self.bytes.min() < _SPACE or _BACKSLASH in self.text:
            odd = np.flatnonzero((self.bytes < _SPACE) | (self.bytes == _BACKSLASH))
            plain[np.searchsorted(self.end, odd, "right")] = False
        if not self.text.isascii():
            try:
                self.text.decode()
            except UnicodeDecodeError:
                plain[:] = False
        return plain

    def reads(self, at: Codes, pattern: bytes) -> Mask:
        """Whether the text reads so from some places on."""
        expected = np.frombuffer(pattern, np.uint8)
        found = self._from(at, len(pattern))
        if _HOLE in pattern:
            literal = expected != _ANY
            same = (found == np.where(literal, expected, _QUOTE)) == literal
        else:
            same = found == expected
        # Mostly all do, and to ask that of all at once is several times quicker than row by row.
        return np.ones(len(at), np.bool_) if same.all() else same.all(axis=1)

    def find(self, byte: int, at: Codes, within: int) -> Codes:
        """Return where the next such byte is, from some places on; some other place where it is too far away."""
        found: Codes = (self._from(at, within) == byte).argmax(axis=1)
        return at + found

    def find_back(self, byte: int, before: Codes, within: int) -> Codes:
        """Return where the last such byte before some places is; some other place where it is too far away."""
        found: Codes = (self._from(before - within, within) == byte)[:, ::-1].argmax(axis=1)
        return before - 1 - found

    def numbers(self, start: Codes, end: Codes) -> tuple[Codes, Mask]:
        """Read whole numbers, and say which are that: digits alone, none in front that says nothing."""
        width = end - start
        sure = (width > 0) & (width <= _DIGITS) & ((self.bytes[start] != _ZERO) | (width == 1))
        value = np.zeros(len(start), np.int64)
        for place in range(int(width[sure].max(initial=0))):
            inside = place < width
            digit = self.bytes[np.where(inside, start + place, start)].astype(np.int64) - _ZERO
            sure &= ((digit >= 0) & (digit <= 9)) | ~inside
            value = np.where(inside, value * 10 + digit, value)
        return value, sure

    def slices(self, start: Codes, end: Codes) -> Slices:
        """Return pieces that lie one behind the other."""
        import pyarrow as pa

        first = self.text[start[0] : end[0]] if len(start) else b""
        if (end - start == len(first)).all() and (
            self._from(start, len(first)) == np.frombuffer(first, np.uint8)
        ).all():
            return Slices([first] if len(start) else [], np.zeros(len(start), np.int64))
        borders = np.stack([start, end], axis=1).ravel()
        buffers = [None, pa.py_buffer(borders), pa.py_buffer(self.text)]
        between = pa.Array.from_buffers(pa.large_binary(), len(borders) - 1, buffers)
        pieces = between.take(pa.array(np.arange(0, len(between), 2))).dictionary_encode()
        return Slices(pieces.dictionary.to_pylist(), pieces.indices.to_numpy().astype(np.int64))

    def _from(self, at: Codes, width: int) -> NDArray[np.uint8]:
        """Return a row of so many bytes from each place on."""
        # One element for each byte of text, ``width`` bytes long: to take one of them is to copy so many bytes.
        windows: NDArray[np.void] = np.ndarray(len(self.text) - width + 1, f"V{width}", self.text, strides=(1,))
        return windows[at].view(np.uint8).reshape(len(at), width)


class _Spans(NamedTuple):
    """Where pieces of each row begin and end."""

    game: Codes
    game_end: Codes
    decision: Codes
    decision_end: Codes
    digests: Codes
    digests_end: Codes
    topic: Codes
    topic_end: Codes


@dataclass(frozen=True, slots=True)
class Written:
    """The values of a batch that are written so; each column has an entry for each of them.

    ``places`` are their places in the batch, ``partitions`` and ``offsets`` where their events were.
    """

    places: Codes
    partitions: Codes
    offsets: Codes
    _text: _Text
    _spans: _Spans

    def where(self, wanted: Mask) -> "Written":
        """Return those that are wanted."""
        if wanted.all():
            return self
        spans = _Spans(*(column[wanted] for column in self._spans))
        return Written(self.places[wanted], self.partitions[wanted], self.offsets[wanted], self._text, spans)

    def decisions(self) -> Slices:
        """Return the members from ``action`` to ``severity``."""
        return self._text.slices(self._spans.decision, self._spans.decision_end)

    def digests(self) -> Slices:
        """Return the members ``scorer`` and ``policy``."""
        return self._text.slices(self._spans.digests, self._spans.digests_end)

    def games(self) -> Slices:
        """Return what ``game_id`` says."""
        return self._text.slices(self._spans.game, self._spans.game_end)

    def about(self, topic: str) -> Mask:
        """Whether the events were records of a topic."""
        said = topic.encode()
        as_long: Mask = self._spans.topic_end - self._spans.topic == len(said)
        return self._text.reads(self._spans.topic, said) & as_long


def find_written(values: Sequence[bytes]) -> Written:
    """Return the values that are written so.  Raises nothing: what is no verdict is none of them."""
    text = _Text(values)
    written = text.plain() & text.reads(text.start, _START)
    cursor = text.find(_QUOTE, text.start + len(_START), _NAME)
    for literal in _IDS:
        written &= text.reads(cursor, literal)
        game = cursor + len(literal)
        cursor = text.find(_QUOTE, game, _NAME)
    written &= text.reads(cursor, _DECISION)
    tail = _Tail(text)
    written &= tail.written & (cursor + 2 < tail.start)
    digests = tail.start + _SCORER, tail.start + _SENT
    spans = _Spans(game, cursor, cursor + 2, tail.start, *digests, *tail.topic)
    return Written(np.arange(len(values)), tail.partitions, tail.offsets, text, spans).where(written)


class _Tail:
    """The tails of all values, read from the back."""

    def __init__(self, text: _Text) -> None:
        self.written: Mask = text.reads(text.end - len(_END), _END)
        self._text = text
        self.offsets, cursor = self._number(text.end - len(_END), _OFFSET)
        self.partitions, end = self._number(cursor, _PARTITION)
        cursor = self._before(end, _NAME, _TOPIC)
        self.topic: Final = cursor + len(_TOPIC), end
        cursor = self._before(cursor, _SHORT, _DECIDED)
        self.start: Final = self._before(cursor, _SHORT, _DIGESTS)

    def _number(self, end: Codes, literal: bytes) -> tuple[Codes, Codes]:
        """Read a number that ends somewhere; return where the literal before it begins, too."""
        start = self._text.find_back(_COLON, end, _SHORT) + 1
        numbers, sure = self._text.numbers(start, end)
        self.written &= sure & self._text.reads(start - len(literal), literal)
        return numbers, start - len(literal)

    def _before(self, end: Codes, within: int, pattern: bytes) -> Codes:
        """Return where the pattern begins that stands before a string that ends somewhere."""
        start = self._text.find_back(_QUOTE, end, within) + 1 - len(pattern)
        self.written &= self._text.reads(start, pattern)
        return start
