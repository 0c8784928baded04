"""The events of a stretch as columns: what a comparison and a policy look at."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model.policy import Circumstances
from schemas.codec import Event, decode_event
from schemas.dead_letter import Rejection
from schemas.taxonomy import NON_TOXIC
from stream.judge import lang_of
from stream.replay.history.recorded import Recorded, RecordedColumns, Seen, decode_verdict, decode_verdicts
from stream.replay.history.stretch import RawBatch

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Labelling:
    """Where true categories come from: a metadata field of the event, and reviews by event id, which win.

    A label is the name of a category; ``allow`` is another word for ``non_toxic``.
    """

    name: str | None = None
    reviews: Mapping[str, str] = field(default_factory=dict)

    def labels(self, events: Sequence[Event]) -> list[str | None]:
        """Return each event's label; None where it has none."""
        name = self.name
        found: list[str | None] = [None] * len(events)
        if name is not None:
            found = [_category(event.metadata.get(name)) for event in events]
        return self.reviewed([event.event_id for event in events], found) if self.reviews else found

    def reviewed(self, event_ids: Sequence[str], labels: list[str | None]) -> list[str | None]:
        """Let reviews win."""
        get = self.reviews.get
        return [_category(get(event_id, label)) for event_id, label in zip(event_ids, labels, strict=True)]


def _category(label: str | None) -> str | None:
    return NON_TOXIC if label == "allow" else label


@dataclass(frozen=True, slots=True)
class Events:
    """The well-formed events of a stretch, in order, as columns of one length.

    ``where`` holds places in ``circumstances``.  ``events`` is empty where history is verdicts alone; their texts,
    channel kinds and languages are then unknown.  ``dead_letters`` counts, by cause, the records that were no events.
    """

    topic: str | None
    partitions: Codes
    positions: Codes
    event_ids: list[str]
    player_ids: list[str]
    labels: list[str | None]
    where: Codes
    circumstances: list[Circumstances]
    events: list[Event]
    dead_letters: Counter[str]

    def __len__(self) -> int:
        return len(self.event_ids)


def read_events(batches: Iterable[RawBatch], labelling: Labelling) -> Events:
    """Decode a stretch of events."""
    places = _Places()
    events: list[Event] = []
    dead_letters = Counter[str]()
    for batch in batches:
        decoded = [decode_event(value) for value in batch.values]
        found = [event for event in decoded if isinstance(event, Event)]
        dead_letters.update(each.cause for each in decoded if isinstance(each, Rejection))
        places.add(batch, None if len(found) == len(decoded) else [isinstance(each, Event) for each in decoded])
        events += found
    known: dict[tuple[str, str | None, str | None], int] = {}
    keys = [(event.game_id, event.channel_kind, event.lang) for event in events]
    where = [known.setdefault(key, len(known)) for key in keys]
    first = dict(zip(reversed(where), reversed(events), strict=True))
    distinct = [first[place] for place in range(len(known))]
    return Events(
        *places.columns(),
        event_ids=[event.event_id for event in events],
        player_ids=[event.player_id for event in events],
        labels=labelling.labels(events),
        where=np.array(where, np.int64),
        circumstances=[Circumstances(each.game_id, each.channel_kind, lang_of(each)) for each in distinct],
        events=events,
        dead_letters=dead_letters,
    )


def read_verdicts(batches: Iterable[RawBatch], labelling: Labelling) -> tuple[Events, Recorded]:
    """Decode a stretch of verdicts that are history by themselves."""
    places = _Places()
    columns = RecordedColumns()
    verdicts: list[Seen] = []
    dead_letters = Counter[str]()
    for batch in batches:
        seen = decode_verdicts(batch.values)
        missing = len(batch.values) - len(seen)
        dead_letters.update(["no_verdict"] * missing)
        places.add(batch, [_is_verdict(value) for value in batch.values] if missing else None)
        columns.add(seen)
        verdicts += seen
    games: dict[str, int] = {}
    event_ids = [verdict.event_id for verdict in verdicts]
    events = Events(
        *places.columns(),
        event_ids=event_ids,
        player_ids=[verdict.player_id for verdict in verdicts],
        labels=labelling.reviewed(event_ids, [None] * len(verdicts)),
        where=np.array([games.setdefault(verdict.game_id, len(games)) for verdict in verdicts], np.int64),
        circumstances=[Circumstances(game, None, "") for game in games],
        events=[],
        dead_letters=dead_letters,
    )
    return events, columns.columns()


def _is_verdict(value: bytes | None) -> bool:
    return value is not None and decode_verdict(value) is not None


class _Places:
    """Gathers where records were found."""

    def __init__(self) -> None:
        self._topic: str | None = None
        self._partitions: list[Codes] = [np.empty(0, np.int64)]
        self._positions: list[Codes] = [np.empty(0, np.int64)]

    def add(self, batch: RawBatch, chosen: list[bool] | None) -> None:
        """Add a batch's records; of ``chosen`` those marked."""
        positions = batch.positions if chosen is None else batch.positions[np.array(chosen, np.bool_)]
        self._topic = batch.topic
        self._positions.append(positions)
        self._partitions.append(np.full(len(positions), batch.partition, np.int64))

    def columns(self) -> tuple[str | None, Codes, Codes]:
        """Return topic, partitions and positions."""
        return self._topic, np.concatenate(self._partitions), np.concatenate(self._positions)
