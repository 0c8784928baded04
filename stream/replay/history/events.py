"""The events of a stretch as columns: the fields that comparisons and policies use."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.policy import Circumstances
from schemas.codec import Event, decode_event
from schemas.dead_letter import Rejection
from schemas.taxonomy import NON_TOXIC
from stream.judge import primary_language
from stream.replay.history.columns import Numbers
from stream.replay.history.gathering import RecordedColumns
from stream.replay.history.joined import Joined
from stream.replay.history.recorded import Recorded, Seen, VerdictReader
from stream.replay.history.stretch import RawBatch
from stream.replay.history.told import Told

Codes = NDArray[np.int64]


class Detail(msgspec.Struct, frozen=True, gc=False):
    """Fields needed for a few events only.  ``text`` is None if history is only verdicts."""

    event_id: str
    player_id: str
    text: str | None = None


Details = Callable[[Sequence[int]], list[Detail]]
"""Returns the details of events by their positions."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """Source of true categories: a metadata field of the event, and reviews by event id, which take precedence.

    A label is the name of a category; ``allow`` is a synonym of ``non_toxic``.
    """

    name: str | None = None
    reviews: Mapping[str, str] | None = None

    @property
    def wanted(self) -> bool:
        """Whether any labels exist."""
        return self.name is not None or self.reviews is not None

    def label(self, event_id: str, metadata: Mapping[str, str]) -> str | None:
        """Return an event's label; None if it has none."""
        found = metadata.get(self.name) if self.name is not None else None
        if self.reviews is not None:
            found = self.reviews.get(event_id, found)
        return NON_TOXIC if found == "allow" else found


@dataclass(frozen=True, slots=True)
class Events:
    """The well-formed events of a stretch, in order, as columns of one length.

    ``where`` has indices into ``circumstances``.  ``labels`` is empty if not needed, ``events`` if nothing is
    scored.  ``dead_letters`` counts, by cause, the records that are not events.
    """

    topic: str | None
    partitions: Codes
    positions: Codes
    where: Codes
    circumstances: list[Circumstances]
    details: Details
    labels: list[str | None]
    events: list[Event]
    dead_letters: Counter[str]

    def __len__(self) -> int:
        return len(self.positions)


_NO_METADATA: Final[Mapping[str, str]] = {}
read_seen: Final = VerdictReader(Seen)


def read_events(batches: Iterable[RawBatch], labelling: Labelling) -> Events:
    """Decode a stretch of events in full."""
    places = Places()
    events: list[Event] = []
    dead_letters = Counter[str]()
    for batch in batches:
        decoded = [decode_event(value) for value in batch.values]
        found = [event for event in decoded if isinstance(event, Event)]
        dead_letters.update(each.cause for each in decoded if isinstance(each, Rejection))
        places.add(batch, np.flatnonzero([isinstance(each, Event) for each in decoded]))
        events += found
    known: dict[Circumstances, int] = {}
    where = [
        known.setdefault(Circumstances(event.game_id, event.channel_kind, primary_language(event.lang)), len(known))
        for event in events
    ]
    labels = [labelling.label(event.event_id, event.metadata) for event in events] if labelling.wanted else []

    def details(chosen: Sequence[int]) -> list[Detail]:
        return [Detail(events[i].event_id, events[i].player_id, events[i].text) for i in chosen]

    return Events(*places.columns(), np.array(where, np.int64), list(known), details, labels, events, dead_letters)


def read_verdicts(batches: Iterable[RawBatch], labelling: Labelling) -> tuple[Events, Recorded]:
    """Decode a stretch of verdicts used as history without events."""
    places = Places()
    columns = RecordedColumns()
    games: Numbers[str] = Numbers()
    where = [np.empty(0, np.int64)]
    told = Told()
    dead_letters = Counter[str]()
    for batch in batches:
        values = Joined.of(batch.values)
        read = columns.read(values, read_seen)
        missing = len(values) - len(read.places)
        dead_letters.update(["no_verdict"] * missing)
        places.add(batch, read.places if missing else None)
        told.add(values, read.places if missing else None)
        named = read.written.games()
        written = np.array([games[name.decode()] for name in named.distinct], np.int64)[named.place]
        where.append(read.column(written, (games[verdict.game_id] for verdict in read.others)))

    def details(chosen: Sequence[int]) -> list[Detail]:
        return [Detail(each.event_id, each.player_id, None) for each in read_seen(told.at(chosen))]

    wanted = details(range(len(told))) if labelling.wanted else []
    labels = [labelling.label(each.event_id, _NO_METADATA) for each in wanted]
    circumstances = [Circumstances(game, None, "") for game in games]
    events = Events(*places.columns(), np.concatenate(where), circumstances, details, labels, [], dead_letters)
    return events, columns.columns()


def is_verdict(value: bytes | None) -> bool:
    """Whether a record is a verdict."""
    return value is not None and read_seen.one(value) is not None


class Places:
    """Gathers the origins of records."""

    def __init__(self) -> None:
        self._topic: str | None = None
        self._partitions: list[Codes] = [np.empty(0, np.int64)]
        self._positions: list[Codes] = [np.empty(0, np.int64)]

    def add(self, batch: RawBatch, chosen: Codes | None = None) -> None:
        """Add a batch's records, or the selected ones."""
        positions = batch.positions if chosen is None else batch.positions[chosen]
        self._topic = batch.topic
        self._positions.append(positions)
        self._partitions.append(np.full(len(positions), batch.partition, np.int64))

    def columns(self) -> tuple[str | None, Codes, Codes]:
        """Return topic, partitions and positions."""
        return self._topic, np.concatenate(self._partitions), np.concatenate(self._positions)
