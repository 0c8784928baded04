"""Lapsed state: stored values that no longer affect any decision.  Pure.

A value is checked without being decoded in full, since hardly one in a hundred thousand has lapsed.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from stream.strikes.ladder import Ladder, Ladders
from stream.strikes.tally import body


class Look(NamedTuple):
    """The parts of a stored value that decide whether it has lapsed.

    ``clocks`` are the latest event times (milliseconds) by game, ``heard`` the last offsets, by partition of the
    verdicts, at or before which it recognises duplicates.
    """

    clocks: Mapping[str, int]
    heard: Mapping[int, int]


Looker = Callable[[bytes, bytes], Look]
"""From a key and its value to the parts that are checked."""

Span = Callable[[str], int]
"""From a game to milliseconds."""


class _Clock(msgspec.Struct, array_like=True):
    clock: int = 0


class _Entry(msgspec.Struct, array_like=True):
    games: dict[str, _Clock] = {}


class _Channel(msgspec.Struct, array_like=True):
    clock: int = 0
    heard: dict[int, int] = {}


_entry: Final = msgspec.msgpack.Decoder(_Entry).decode
_channel: Final = msgspec.msgpack.Decoder(_Channel).decode
_name: Final = msgspec.json.Decoder(tuple[str, str]).decode


def look_at_entry(_: bytes, stored: bytes) -> Look:
    """Look at a player's entry."""
    return Look({game: standing.clock for game, standing in _entry(body(stored)).games.items()}, {})


def look_at_channel(key: bytes, stored: bytes) -> Look:
    """Look at a channel."""
    channel = _channel(body(stored))
    return Look({_name(key)[0]: channel.clock}, channel.heard)


def spans(ladders: Ladders, kept_s: Callable[[Ladder], int]) -> Span:
    """Return how long values are kept, by game."""
    return functools.cache(lambda game: kept_s(ladders.of(game).ladder) * 1_000)


def lapsed(look: Look, at: int, kept: Span) -> frozenset[str]:
    """Return the games in which a value has expired at ``at`` (milliseconds of stream time)."""
    return frozenset([game for game, clock in look.clocks.items() if clock + kept(game) <= at])
