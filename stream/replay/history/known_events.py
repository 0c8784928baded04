"""Reads events with known verdicts, parsing as little as possible.

A record that has a verdict was a well-formed event.  Only its circumstances are parsed; ids and text only where needed,
for the few events that are acted upon or flip.  A record without a verdict is parsed in full.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec
import numpy as np

from model.policy import Circumstances
from schemas.codec import decode_event
from schemas.dead_letter import Cause, Rejection
from schemas.event import ChannelKind
from stream.errors import ConfigError
from stream.judge import primary_language
from stream.replay.history.columns import Codes, Numbers
from stream.replay.history.events import Detail, Events, Labelling, Places
from stream.replay.history.joined import Joined
from stream.replay.history.recorded import Recorded
from stream.replay.history.store import RecordedStore
from stream.replay.history.stretch import RawBatch
from stream.replay.history.tables import ENTRY, ByOrigin
from stream.replay.history.told import Told


class _Around(msgspec.Struct, frozen=True, gc=False):
    """The circumstances of an event."""

    game_id: str = "default"
    channel_kind: ChannelKind | None = None
    lang: str | None = None


class _Labelled(msgspec.Struct, frozen=True, gc=False):
    """The location of an event's label."""

    event_id: str
    metadata: dict[str, str] = {}


_read_labelled: Final = msgspec.json.Decoder(list[_Labelled]).decode
_read_around: Final = msgspec.json.Decoder(list[_Around]).decode
_read_details: Final = msgspec.json.Decoder(list[Detail]).decode

S = TypeVar("S")


def read_known_events(
    batches: Iterable[RawBatch], labelling: Labelling, store: RecordedStore, table: ByOrigin
) -> tuple[Events, Recorded]:
    """Read a stretch of events and find their verdicts.

    Raises:
        ConfigError: the verdicts refer to other records.
    """
    places = Places()
    told = Told()
    entries = [np.empty(0, ENTRY)]
    known: Numbers[_Around] = Numbers()
    where = [np.empty(0, np.int64)]
    dead_letters = Counter[str]()
    for batch in batches:
        found = table.look_up(batch.partition, batch.positions)
        values = Joined.of(batch.values)
        dropped = _dead_letters(values, np.flatnonzero(found == 0))
        if dropped:
            dead_letters.update(dropped.values())
            values = values.without(list(dropped))
            found, positions = (np.delete(column, list(dropped)) for column in (found, batch.positions))
            batch = RawBatch(batch.topic, batch.partition, positions, values)
        told.add(values)
        around = _read(_read_around, values.text, len(values))
        where.append(np.fromiter(map(known.__getitem__, around), np.int64, len(around)))
        places.add(batch)
        entries.append(found)

    def details(chosen: Sequence[int]) -> list[Detail]:
        return _read(_read_details, Joined.of(told.at(chosen)).text, len(chosen))

    circumstances = [Circumstances(e.game_id, e.channel_kind, primary_language(e.lang)) for e in known]
    labels: list[str | None] = []
    if labelling.wanted:
        read = _read(_read_labelled, Joined.of(told.at(range(len(told)))).text, len(told))
        labels = [labelling.label(e.event_id, e.metadata) for e in read]
    events = Events(*places.columns(), np.concatenate(where), circumstances, details, labels, [], dead_letters)
    return events, store.gather(np.concatenate(entries))


def _dead_letters(values: Joined, doubtful: Codes) -> dict[int, Cause]:
    """Return the causes of records that are not events, by position, in order; only doubtful ones are checked."""
    decoded = {place: decode_event(values[place]) for place in doubtful.tolist()}
    return {place: each.cause for place, each in decoded.items() if isinstance(each, Rejection)}


def _read(many: Callable[[bytes], list[S]], events: bytes, count: int) -> list[S]:
    """Read some events that have verdicts.

    Raises:
        ConfigError: they are not events, so the verdicts refer to other records.
    """
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        read = many(events)
        if len(read) == count:
            return read
    raise ConfigError(
        "recorded verdicts refer to records that are not events: they are from an earlier topic of this name; "
        "choose --from after it was recreated"
    )
