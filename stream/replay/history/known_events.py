"""Events whose verdicts are known, read as little as possible.

A record that has a verdict was a well-formed event.  Of it only the circumstances are read; its ids and text where they
are asked for, which is for the few events that one acts upon or that flip.  A record without a verdict is read whole.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.policy import Circumstances
from schemas.codec import Event, decode_event
from schemas.dead_letter import Rejection
from schemas.event import ChannelKind
from stream.judge import primary_language
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


_read_many: Final = msgspec.json.Decoder(list[_Around]).decode


def read_known_events(
    batches: Iterable[RawBatch], labelling: Labelling, store: RecordedStore, table: ByOrigin
) -> tuple[Events, Recorded]:
    """Read a stretch of events and find their verdicts."""
    places = Places()
    values: list[bytes] = []
    entries = [np.empty(0, ENTRY)]
    known: dict[tuple[str, ChannelKind | None, str | None], int] = {}
    where: list[int] = []
    dead_letters = Counter[str]()
    for batch in batches:
        found = table.look_up(batch.partition, batch.positions)
        whole, dropped = _well_formed(batch, found["source"] == 0)
        if dropped:
            dead_letters.update(dropped)
            batch, found = _without(batch, whole), found[whole]
        kept = [value for value in batch.values if value is not None]
        arounds = _read_many(b"[" + b",".join(kept) + b"]")
        where += [known.setdefault((e.game_id, e.channel_kind, e.lang), len(known)) for e in arounds]
        places.add(batch, None)
        entries.append(found)
        values += kept

    def details(chosen: Sequence[int]) -> list[Detail]:
        return [Detail(e.event_id, e.player_id, e.text) for e in (_event(values[i]) for i in chosen)]

    circumstances = [Circumstances(game, kind, primary_language(lang)) for game, kind, lang in known]
    labels = _labels(values, labelling) if labelling.wanted else []
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
    values = [value for value, kept in zip(batch.values, whole.tolist(), strict=True) if kept]
    return RawBatch(batch.topic, batch.partition, batch.positions[whole], values)


def _event(value: bytes) -> Event:
    decoded = decode_event(value)
    if isinstance(decoded, Rejection):
        raise AssertionError("a record with a verdict is an event")
    return decoded


def _labels(values: Sequence[bytes], labelling: Labelling) -> list[str | None]:
    return [labelling.label(event.event_id, event.metadata) for event in map(_event, values)]
