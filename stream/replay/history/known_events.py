"""Events whose verdicts are known, read as little as possible.

A record that has a verdict was a well-formed event.  Of it only the circumstances are read; its ids and text where they
are asked for, which is for the few events that one acts upon or that flip.  A record without a verdict is read whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.policy import Circumstances
from schemas.codec import decode_event
from schemas.dead_letter import Rejection
from schemas.event import ChannelKind
from stream.errors import ConfigError
from stream.judge import primary_language
from stream.replay.history.columns import Numbers
from stream.replay.history.events import Detail, Events, Labelling, Places
from stream.replay.history.recorded import Recorded
from stream.replay.history.store import RecordedStore
from stream.replay.history.stretch import RawBatch
from stream.replay.history.tables import ENTRY, ByOrigin


class _Around(msgspec.Struct, frozen=True, gc=False):
    """The circumstances of an event."""

    game_id: str = "default"
    channel_kind: ChannelKind | None = None
    lang: str | None = None


class _Of(msgspec.Struct, frozen=True, gc=False):
    """What an event is, and whose."""

    event_id: str
    player_id: str
    text: str


class _Labelled(msgspec.Struct, frozen=True, gc=False):
    """Where an event's label is."""

    event_id: str
    metadata: dict[str, str] = {}


_read_labelled: Final = msgspec.json.Decoder(list[_Labelled]).decode
_read_around: Final = msgspec.json.Decoder(list[_Around]).decode
_read_of: Final = msgspec.json.Decoder(list[_Of]).decode

S = TypeVar("S")


def read_known_events(
    batches: Iterable[RawBatch], labelling: Labelling, store: RecordedStore, table: ByOrigin
) -> tuple[Events, Recorded]:
    """Read a stretch of events and find their verdicts.

    Raises:
        ConfigError: the verdicts are about other records.
    """
    places = Places()
    values: list[bytes | None] = []
    entries = [np.empty(0, ENTRY)]
    known: Numbers[_Around] = Numbers()
    where: list[int] = []
    dead_letters = Counter[str]()
    for batch in batches:
        found = table.look_up(batch.partition, batch.positions)
        whole, dropped = _well_formed(batch, found["source"] == 0)
        if dropped:
            dead_letters.update(dropped)
            batch, found = _without(batch, whole), found[whole]
        where += map(known.__getitem__, _read(_read_around, batch.values))
        places.add(batch)
        entries.append(found)
        values += batch.values

    def details(chosen: Sequence[int]) -> list[Detail]:
        return [Detail(e.event_id, e.player_id, e.text) for e in _read(_read_of, [values[i] for i in chosen])]

    circumstances = [Circumstances(e.game_id, e.channel_kind, primary_language(e.lang)) for e in known]
    labels: list[str | None] = []
    if labelling.wanted:
        labels = [labelling.label(e.event_id, e.metadata) for e in _read(_read_labelled, values)]
    events = Events(*places.columns(), np.array(where, np.int64), circumstances, details, labels, [], dead_letters)
    return events, store.gather(np.concatenate(entries))


def _well_formed(batch: RawBatch, doubtful: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], list[str]]:
    """Return which records are events, and the causes of those that are not; only the doubtful are looked at."""
    whole = np.ones(len(batch.values), np.bool_)
    causes: list[str] = []
    for place in np.flatnonzero(doubtful).tolist():
        decoded = decode_event(batch.values[place])
        if isinstance(decoded, Rejection):
            whole[place] = False
            causes.append(decoded.cause)
    return whole, causes


def _without(batch: RawBatch, whole: NDArray[np.bool_]) -> RawBatch:
    values = list(batch.values)
    for place in np.flatnonzero(~whole)[::-1].tolist():  # few, so that to close the gaps is the cheapest
        del values[place]
    return RawBatch(batch.topic, batch.partition, batch.positions[whole], values)


def _read(many: Callable[[bytes], list[S]], values: Sequence[bytes | None]) -> list[S]:
    """Read a part of events that have verdicts.

    Raises:
        ConfigError: they are no events, so the verdicts were about others.
    """
    try:
        return many(b"[" + b",".join(cast("Sequence[bytes]", values)) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as exc:
        raise ConfigError(
            "recorded verdicts name records that are no events: they are of an earlier topic of this name; "
            "choose --from after it was made anew"
        ) from exc
