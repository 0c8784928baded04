"""One process's share: each stretch is read, judged by both sides, compared and stored."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from stream.errors import FileError
from stream.replay.answer.counts import Truth, count
from stream.replay.history.events import Labelling, read_events, read_verdicts
from stream.replay.history.files import FileReader
from stream.replay.history.known_events import read_known_events
from stream.replay.history.store import RecordedStore
from stream.replay.history.stretch import HistoryReader, Stretch
from stream.replay.history.tables import ByEventId, ByOrigin
from stream.replay.history.topic import TopicAddress, TopicReader
from stream.replay.job import Job
from stream.replay.judging.foreign import foreign
from stream.replay.judging.sides import Material, Side
from stream.replay.parts import Comparison, Parts
from stream.replay.plan import Origins


class Sides(NamedTuple):
    """The two sides, the source of true categories, and the candidate's categories."""

    baseline: Side
    candidate: Side
    labelling: Labelling
    categories: tuple[str, ...]


Cast = Callable[[Job], Sides]
"""Builds the sides of a job; a module-level function, since it is pickled by name."""
Done = Callable[[Stretch, int], None]
"""Called for each stored stretch, with its number of events."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a share of a job is processed: folders for parts and recorded verdicts, and the origins of its events."""

    job: Job
    parts: Path
    recorded: Path
    origin: Origins | None

    def store(self) -> RecordedStore:
        """Return the recorded verdicts of this share."""
        if self.origin is None:
            return RecordedStore(self.recorded, ByEventId(self.recorded))
        return RecordedStore(self.recorded, ByOrigin(self.recorded, self.origin.topic, self.origin.spans))


@contextmanager
def translating(folder: Path) -> Iterator[None]:
    """Translate file errors that occur while working in a folder.

    Raises:
        FileError: in place of an OSError.
    """
    try:
        yield
    except OSError as exc:
        raise FileError(f"cannot work in {folder}: {exc}") from exc


def keep_verdicts(desk: Desk, stretches: Sequence[Stretch], done: Done) -> None:
    """Read recorded verdicts and index them for look-up by event.

    Raises:
        FileError: the disk is full or another I/O error.
        FileError, TransportError, DataLost: as the reader.
    """
    store = desk.store()
    with translating(desk.recorded), _reading(desk.job.verdict_topic) as reader:
        for stretch in stretches:
            done(stretch, store.keep(stretch.number, reader.read(stretch)))


def compare(desk: Desk, cast: Cast, stretches: Sequence[Stretch], done: Done) -> None:
    """Compare stretch by stretch, and write a part for each.

    Raises:
        ConfigError: a model or policy cannot be used.
        FileError: the disk is full, or the work files were removed.
        FileError, TransportError, DataLost: as the reader.
    """
    parts = Parts(desk.parts)
    store = desk.store() if desk.job.needs_recorded and not desk.job.verdicts_alone else None
    with translating(desk.parts), _reading(desk.job.topic) as reader:
        sides = cast(desk.job)
        for stretch in stretches:
            material = _material(desk.job, store, sides.labelling, reader, stretch)
            candidate, baseline = sides.candidate(material), sides.baseline(material)
            compared = Comparison(material.events, baseline, candidate)
            truth = Truth.by_labels(material.events.labels) if desk.job.labelled else Truth.by_opinions(baseline)
            counts = count(material.events, baseline, candidate, truth)
            if material.recorded is not None:
                counts.note(foreign(material.recorded, sides.categories), candidate)
            parts.keep(stretch.number, compared, counts, desk.job.kept)
            done(stretch, len(material.events))


def _material(
    job: Job, store: RecordedStore | None, labelling: Labelling, reader: HistoryReader, stretch: Stretch
) -> Material:
    batches = reader.read(stretch)
    if job.verdicts_alone:
        return Material(*read_verdicts(batches, labelling))
    if store is not None and isinstance(store.table, ByOrigin) and job.depth == "redecide":
        return Material(*read_known_events(batches, labelling, store, store.table))
    events = read_events(batches, labelling)
    return Material(events, store.find(events) if store is not None else None)


@contextmanager
def _reading(topic: TopicAddress | None) -> Iterator[HistoryReader]:
    reader: HistoryReader = FileReader() if topic is None else TopicReader(topic)
    try:
        yield reader
    finally:
        reader.close()
