"""Events whose verdicts are known, read as little as possible.

A record that has a verdict was a well-formed event.  Of it only the circumstances are read; its ids and text where they
are asked for, which is for the few events that one acts upon or that flip.  A record without a verdict is read whole.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

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


class _Labelled(msgspec.Struct, frozen=True, gc=False):
    """Where an event's label is."""

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
        ConfigError: the verdicts are about other records.
    """
    places = Places()
    told = _Told()
    entries = [np.empty(0, ENTRY)]
    known: Numbers[_Around] = Numbers()
    where = [np.empty(0, np.int64)]
    dead_letters = Counter[str]()
    for batch in batches:
        found = table.look_up(batch.partition, batch.positions)
        whole, dropped = _well_formed(batch, found == 0)
        if dropped:
            dead_letters.update(dropped)
            batch, found = _without(batch, whole), found[whole]
        around = told.add(batch.values, _read_around)
        where.append(np.fromiter(map(known.__getitem__, around), np.int64, len(around)))
        places.add(batch)
        entries.append(found)

    def details(chosen: Sequence[int]) -> list[Detail]:
        return told.read(_read_details, chosen)

    circumstances = [Circumstances(e.game_id, e.channel_kind, primary_language(e.lang)) for e in known]
    labels: list[str | None] = []
    if labelling.wanted:
        labels = [labelling.label(e.event_id, e.metadata) for e in told.read(_read_labelled, range(told.count))]
    events = Events(*places.columns(), np.concatenate(where), circumstances, details, labels, [], dead_letters)
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


class _Told:
    """What events say, kept a batch at a time as one list in JSON, which costs less than to keep each by itself."""

    def __init__(self) -> None:
        self._lists: list[bytes] = []
        self._first = [0]
        """The place of each list's first event."""
        self._ends = [np.empty(0, np.int64)]
        self._lengths = [np.empty(0, np.int64)]

    @property
    def count(self) -> int:
        """How many events there are."""
        return self._first[-1]

    def add(self, values: Sequence[bytes | None], many: Callable[[bytes], list[S]]) -> list[S]:
        """Add the events of a batch, and read a part of each.

        Raises:
            ConfigError: they are no events.
        """
        known = [value or b"" for value in values]
        lengths = np.fromiter(map(len, known), np.int64, len(known))
        self._lists.append(b"[" + b",".join(known) + b"]")
        self._ends.append(np.cumsum(lengths + 1))
        self._lengths.append(lengths)
        self._first.append(self.count + len(known))
        return _read(many, self._lists[-1], len(known))

    def read(self, many: Callable[[bytes], list[S]], chosen: Sequence[int]) -> list[S]:
        """Read a part of the events at some places; raises as ``_read``."""
        places = np.array(chosen, np.int64)
        numbers = np.searchsorted(self._first, places, "right") - 1
        ends = np.concatenate(self._ends)[places]
        starts = ends - np.concatenate(self._lengths)[places]
        spans = zip(numbers.tolist(), map(slice, starts.tolist(), ends.tolist()), strict=True)
        return _read(many, b"[" + b",".join([self._lists[number][span] for number, span in spans]) + b"]", len(places))


def _read(many: Callable[[bytes], list[S]], events: bytes, count: int) -> list[S]:
    """Read a part of events that have verdicts.

    Raises:
        ConfigError: they are no events, so the verdicts were about others.
    """
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        read = many(events)
        if len(read) == count:
            return read
    raise ConfigError(
        "recorded verdicts name records that are no events: they are of an earlier topic of this name; "
        "choose --from after it was made anew"
    )
