"""Parses verdicts as our own worker writes them, a batch at a time, by where their strings begin and end.

The worker writes a verdict's fields in one order and without spaces (``schemas.codec.Ruling``):

========  ==========================================================================================
head      ``{"verdict_id":"…","event_id":"…","player_id":"…","channel_id":"…","game_id":"…",``
decision  ``"action":"…","category":"…","scores":{…},"resolved_by":"…","matches":[…],"severity":0``
tail      ``,"fingerprint":"…","scorer":"…","policy":"…","sent_at":"…","decided_at":"…",``
          ``"origin":{"topic":"…","partition":0,"offset":0}}``
========  ==========================================================================================

A value is *written* so if its head, read from the front, and its tail, recognised by its shape, have these bytes around
their strings.  A string ends at the next quote, since a value with a backslash or a control character does not count as
written.  The decision is parsed by the general reader (``stream.replay.history.recorded``), once per distinct decision,
and so is every other value.  This is only a faster way to the general reader's result; a property test checks that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from stream.replay.history.columns import Codes, Numbers
from stream.replay.history.joined import QUOTE, Joined, Mask, Pattern, Slices
from stream.replay.history.tails import Ending, TailReader

_DIGEST: Final = 32
_IDS: Final = (b'","player_id":"', b'","channel_id":"', b'","game_id":"')
_NAME: Final = 64
"""Maximum bytes searched for the end of an id.  A value with a longer one is left to the general reader."""
_DECISION: Final = Pattern(b'","')
"""The bytes between the game's name and a decision's first member."""
_SHORTEST: Final = 32
"""Fewer bytes than any decision has."""


class _Found(NamedTuple):
    """Positions of game, decision and tail of each row, and the shape of its tail."""

    game: Codes
    game_end: Codes
    decision: Codes
    tail: Codes
    shape: Codes


@dataclass(frozen=True, slots=True)
class Written:
    """The values of a batch that are written so; each column has an entry for each of them.

    ``places`` are their positions in the batch, ``partitions`` and ``offsets`` those of their events.
    """

    places: Codes
    partitions: Codes
    offsets: Codes
    _found: _Found
    _text: Joined
    _endings: list[Ending]
    """The common parts of the tails of each shape."""

    def where(self, wanted: Mask) -> "Written":
        """Return the selected ones."""
        if wanted.all():
            return self
        found = _Found(*(column[wanted] for column in self._found))
        places, partitions, offsets = self.places[wanted], self.partitions[wanted], self.offsets[wanted]
        return Written(places, partitions, offsets, found, self._text, self._endings)

    def decisions(self) -> Slices:
        """Return the members from ``action`` to ``severity``."""
        return self._text.slices(self._found.decision, self._found.tail)

    def digests(self) -> Slices:
        """Return the members ``scorer`` and ``policy``."""
        numbers = Numbers[bytes]()
        of_shape = np.array([numbers[ending.digests] for ending in self._endings], np.int64)
        return Slices(list(numbers), of_shape[self._found.shape])

    def games(self) -> Slices:
        """Return the values of ``game_id``."""
        numbers = Numbers[bytes]()
        spans = map(slice, self._found.game.tolist(), self._found.game_end.tolist())
        places = [numbers[game] for game in map(self._text.text.__getitem__, spans)]
        return Slices(list(numbers), np.array(places, np.int64))

    def about(self, topic: str) -> Mask:
        """Whether the events were records of a topic."""
        said = topic.encode()
        of_shape = np.array([ending.topic == said for ending in self._endings], np.bool_)
        about: Mask = of_shape[self._found.shape]
        return about


class WrittenReader:
    """Finds such verdicts; recognises them by the shapes of the last batch."""

    def __init__(self) -> None:
        self._read_tails = TailReader()

    def __call__(self, values: Sequence[bytes | None]) -> Written:
        """Return the values that are written so.  Never raises: other values are left out."""
        text = Joined.of(values)
        written = text.plain()
        game, end = text.start, text.start
        for pattern in _HEAD:
            game = end + len(pattern)
            reads, end = _string_after(text, end, pattern)
            written &= reads
        written &= _DECISION.matches(text.pieces(end, len(_DECISION)))
        decision = end + len(_DECISION) - 1
        tails = self._read_tails(text, written)
        written &= tails.start - decision >= _SHORTEST
        found = _Found(game, end, decision, tails.start, tails.shape)
        places = np.arange(len(values))
        return Written(places, tails.partition, tails.offset, found, text, tails.endings).where(written)


def _first() -> Pattern:
    """Return the bytes before the event's id."""
    before = b'{"verdict_id":"'
    pattern = Pattern(before + b"?" * _DIGEST + b'","event_id":"')
    pattern.allow_string(slice(len(before), len(before) + _DIGEST))
    return pattern


_HEAD: Final = (_first(), *map(Pattern, _IDS))
"""The bytes before each string of a head."""


def _string_after(text: Joined, at: Codes, pattern: Pattern) -> tuple[Mask, Codes]:
    """Return whether a literal is at some positions, and where the string after it ends.

    If the end is too far away, the position is arbitrary and its byte is not a quote.
    """
    pieces = text.pieces(at, len(pattern) + _NAME)
    behind = pieces[:, len(pattern) :] == QUOTE
    end: Codes = at + len(pattern) + behind.argmax(axis=1)
    return pattern.matches(pieces[:, : len(pattern)]), end
