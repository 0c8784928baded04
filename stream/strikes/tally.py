"""How a record changes the value stored under its key.  Pure.

Kafka redelivers a record whenever a worker ends before its offset is committed.  Each stored value therefore carries
the offset of the last record in it: a record at or before it is a duplicate and changes nothing, but the value and the
strikes it led to are sent again, because the worker that sent them first may have ended before they arrived.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Set
from typing import Final, NamedTuple

import msgspec

from schemas.verdict import Verdict
from stream.strikes.channel import Channel, Remark, hear
from stream.strikes.issue import Issued, event_time
from stream.strikes.ladder import Ladders
from stream.strikes.standing import Standing, fold, toxicity

UNTIL: Final = "until"
"""Header of a removal that must not remove state later than this offset."""
_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">Bq")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What is stored of a player: a standing for each game."""

    games: dict[str, Standing] = {}


class Tallied(NamedTuple):
    """What a record led to.

    ``value`` is to be stored (None: unchanged, send it again), ``strikes`` are to be published.  ``forgets`` says
    that a strike leaves the stored state: it must have been acknowledged before that.
    """

    value: bytes | None
    strikes: tuple[Issued, ...]
    forgets: bool = False


class Change(NamedTuple):
    """A changelog record.  If ``value`` is None it removes the state, unless that is later than ``until``."""

    key: bytes
    value: bytes | None
    until: int | None = None


def tally_verdict(stored: bytes | None, offset: int, verdict: Verdict, ladders: Ladders) -> Tallied:
    """Add a verdict to its player's entry."""
    entry = read_entry(stored)
    standing = entry.games.get(verdict.game_id, Standing())
    if stored is not None and offset <= stored_offset(stored):
        return Tallied(None, _caused(standing.issued, verdict.verdict_id))
    folded = fold(standing, verdict, ladders.of(verdict.game_id))
    # Ordered by name: a game that lapsed and returned must not change the bytes.
    games = sorted({**entry.games, verdict.game_id: folded.standing}.items())
    return Tallied(_pack(offset, Entry(dict(games))), folded.strikes, _forgets(standing.issued, folded.standing.issued))


def tally_remark(stored: bytes | None, offset: int, remark: Remark, who: str, ladders: Ladders) -> Tallied:
    """Add a remark to its channel."""
    channel = read_channel(stored)
    if stored is not None and offset <= stored_offset(stored):
        return Tallied(None, _caused(channel.issued, remark.verdict_id))
    heard = hear(channel, remark, who, ladders.of(remark.game_id))
    return Tallied(_pack(offset, heard.channel), heard.strikes, _forgets(channel.issued, heard.channel.issued))


def stored_offset(stored: bytes) -> int:
    """Return the offset of the last record in a stored value."""
    if len(stored) < _HEAD.size:
        raise ValueError("a stored value that is too short")
    version, offset = _HEAD.unpack_from(stored)
    if version != _FORMAT:
        raise ValueError(f"a stored value of format {version}; this version reads format {_FORMAT}")
    return int(offset)


def newer(stored: bytes | None, found: Change) -> bool:
    """Return whether ``found`` should replace ``stored``: an older state never replaces a newer one."""
    offset = found.until if found.value is None else stored_offset(found.value)
    return offset is None or stored is None or offset >= stored_offset(stored)


def body(stored: bytes) -> bytes:
    """Return a stored value's state, packed."""
    return stored[_HEAD.size :]


def change_of(key: bytes, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> Change:
    """Read a changelog record.

    Raises:
        ValueError: a header of ours is not an offset.
    """
    return Change(key, value, next((int(said or b"") for name, said in headers if name == UNTIL), None))


def without(stored: bytes, games: Set[str]) -> bytes | None:
    """Return a player's entry without some games; None if none is left."""
    left = {game: standing for game, standing in read_entry(stored).games.items() if game not in games}
    return _pack(stored_offset(stored), Entry(left)) if left else None


def read_entry(stored: bytes | None) -> Entry:
    """Read a player's entry; empty if there is none."""
    return Entry() if stored is None else _entry(body(stored))


def read_channel(stored: bytes | None) -> Channel:
    """Read a channel; empty if there is none."""
    return Channel() if stored is None else _channel(body(stored))


def remark_of(verdict: Verdict, partition: int, offset: int, ladders: Ladders) -> Remark:
    """Reduce a verdict to what its channel needs."""
    ladder = ladders.of(verdict.game_id).ladder
    return Remark(
        partition=partition,
        offset=offset,
        game_id=verdict.game_id,
        channel_id=verdict.channel_id,
        player_id=verdict.player_id,
        verdict_id=verdict.verdict_id,
        at=event_time(verdict, ladder.max_skew_s),
        fingerprint=verdict.fingerprint[:16],
        toxicity=toxicity(verdict.scores),
        flagged=verdict.action != "allow",
    )


def channel_key(game_id: str, channel_id: str) -> bytes:
    """Return the key of a channel, unique per game whatever the name contains."""
    return msgspec.json.encode([game_id, channel_id])


def pseudonyms(key: bytes) -> Callable[[str], str]:
    """Return a function from a player id to its keyed digest (64 bits, hex); the key is at most 64 bytes long."""
    state = hashlib.blake2b(key=key, digest_size=8, person=b"strikes")

    def pseudonym(player_id: str) -> str:
        digest = state.copy()
        digest.update(player_id.encode())
        return digest.hexdigest()

    return pseudonym


_entry: Final = msgspec.msgpack.Decoder(Entry).decode
_channel: Final = msgspec.msgpack.Decoder(Channel).decode
_encode: Final = msgspec.msgpack.Encoder().encode


def _pack(offset: int, state: Entry | Channel) -> bytes:
    return _HEAD.pack(_FORMAT, offset) + _encode(state)


def _caused(issued: tuple[Issued, ...], cause: str) -> tuple[Issued, ...]:
    return tuple(strike for strike in issued if strike.cause == cause)


def _forgets(before: tuple[Issued, ...], after: tuple[Issued, ...]) -> bool:
    return after[: len(before)] != before
