"""Tables from an event to its recorded verdict, as memory-mapped files."""

import fcntl
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from stream.replay.history.columns import Codes
from stream.replay.history.events import Events
from stream.replay.history.gathering import RecordedColumns
from stream.replay.history.recorded import Origin, Seen, Traced, VerdictReader
from stream.replay.locks import lock

ENTRY: Final = np.dtype("<i8")
"""Position of a verdict: its stretch, from 1, times ``CASES``, plus its case there.  0: no verdict."""
CASES: Final = 2**32
Entries = NDArray[np.int64]

_read_traced: Final = VerdictReader(Traced)
_read_seen: Final = VerdictReader(Seen)


_BLOCK: Final = 1_048_576
_LARGEST: Final = 2**63 - 1
_ELSEWHERE: Final = Origin("", -1, -1)
"""Position of an event that is not ours."""


class Table(Protocol):
    """Verdicts by event.  If an event has several, that of the highest stretch wins, and within it the last."""

    def prepare(self) -> None:
        """Allocate space; existing entries are kept."""
        ...

    def shareable(self) -> bool:
        """Whether several processes may store verdicts in it at once; call ``prepare`` first."""
        ...

    def keep(self, number: int, values: Sequence[bytes | None], columns: RecordedColumns, /) -> int:
        """Read verdicts of stretch ``number`` into its columns and store their positions.  Returns how many."""
        ...

    def begin(self, number: int, /) -> None:
        """Discard what an earlier, unfinished attempt stored of a stretch, if duplicates would matter."""
        ...

    def seal(self) -> None:
        """Make the table ready for look-ups."""
        ...

    def find(self, events: Events, /) -> Entries:
        """Return the position of each event's verdict."""
        ...


class Span(NamedTuple):
    """Offsets of one partition of the events' topic."""

    start: int
    end: int


class ByOrigin:
    """A table by the partition and offset of the event, as recorded in its verdict: one entry per offset."""

    def __init__(self, folder: Path, topic: str, spans: Mapping[int, Span]) -> None:
        self._folder: Final = folder
        self._path: Final = folder / "origins.table"
        self._topic: Final = topic
        self._size: Final = sum(span.end - span.start for span in spans.values())
        known = max(spans, default=-1) + 1
        self._start, self._end, self._shift = np.zeros((3, known), np.int64)
        """By partition: its span, and what to add to an offset to get its index in the table."""
        first = 0
        for partition, span in spans.items():
            self._start[partition], self._end[partition] = span
            self._shift[partition] = first - span.start
            first += span.end - span.start
        self._maps: Final[dict[str, Entries]] = {}

    def prepare(self) -> None:
        """Create a file without entries.

        Raises:
            OSError: the disk is full.  Once the file is mapped, that would raise a signal.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._path.exists() and self._size:
            unfinished = self._path.with_suffix(".part")
            with unfinished.open("wb") as file:
                _allocate(file, self._size * ENTRY.itemsize)
            unfinished.replace(self._path)

    def shareable(self) -> bool:
        """Whether processes can lock it; otherwise two that store verdicts of one event could both find none."""
        if not self._size:
            return True
        with self._path.open("r+b") as file:
            return lock(file, fcntl.LOCK_EX)

    def begin(self, number: int) -> None:
        """Do nothing: a stretch overwrites its own entries."""

    def keep(self, number: int, values: Sequence[bytes | None], columns: RecordedColumns) -> int:
        """Store the positions of verdicts; those about other events are skipped."""
        batch = columns.read(values, _read_traced)
        others = [verdict.origin for verdict in batch.others]
        ours = [origin if origin is not None and self._may_be_ours(origin) else _ELSEWHERE for origin in others]
        written = np.where(batch.written.about(self._topic), batch.written.offsets, _ELSEWHERE.offset)
        offsets = batch.column(written, (origin.offset for origin in ours))
        partitions = batch.column(batch.written.partitions, (origin.partition for origin in ours))
        known = np.flatnonzero((partitions >= 0) & (partitions < len(self._start)))
        here = partitions[known]
        inside = (offsets[known] >= self._start[here]) & (offsets[known] < self._end[here])
        if inside.any():
            known, here = known[inside], here[inside]
            self._note(offsets[known] + self._shift[here], number, _entries(number, batch.cases[known]))
        return len(batch.cases)

    def _note(self, places: Codes, number: int, entries: Entries) -> None:
        """Store entries, except where a later stretch has stored one: another process may be writing now."""
        table = self._map("r+")
        with self._path.open("r+b") as file:
            lock(file, fcntl.LOCK_EX)  # where there are no locks, there is no other process
            ours = table[places] // CASES <= number + 1
            table[places[ours]] = entries[ours]

    def _may_be_ours(self, origin: Origin) -> bool:
        return origin.topic == self._topic and all(0 <= n <= _LARGEST for n in (origin.partition, origin.offset))

    def seal(self) -> None:
        """Do nothing: entries are already in order."""

    def find(self, events: Events) -> Entries:
        """Return the position of each event's verdict."""
        found: Entries = self._map("r")[events.positions + self._shift[events.partitions]]
        return found

    def look_up(self, partition: int, offsets: NDArray[np.int64]) -> Entries:
        """Return the positions of the verdicts about some offsets."""
        found: Entries = self._map("r")[offsets + self._shift[partition]]
        return found

    def _map(self, mode: Literal["r", "r+"]) -> Entries:
        table = self._maps.get(mode)
        if table is None:
            # As a plain array: numpy indexes its own memory maps more slowly.
            table = self._maps[mode] = np.asarray(np.memmap(self._path, ENTRY, mode))
        return table


def _allocate(file: BinaryIO, size: int) -> None:
    """Fill an empty file with zeros, allocating the disk space if the file system supports it."""
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is not None:
        allocate(file.fileno(), 0, size)
        return
    for start in range(0, size, _BLOCK):  # not on macOS; never by ``truncate``, which takes no room
        file.write(bytes(min(_BLOCK, size - start)))


def _entries(number: int, cases: Codes) -> Entries:
    return (number + 1) * CASES + cases


_KEYED: Final = np.dtype([("key", "<u8"), ("entry", ENTRY)])


@dataclass(frozen=True, slots=True)
class ByEventId:
    """A table by a 64-bit digest of the event id, for files."""

    folder: Path

    def prepare(self) -> None:
        """Make a folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def shareable(self) -> bool:
        """Return True: each stretch has a file of its own."""
        return True

    def begin(self, number: int) -> None:
        """Discard the rows of an unfinished attempt."""
        self._path(number).unlink(missing_ok=True)

    def keep(self, number: int, values: Sequence[bytes | None], columns: RecordedColumns) -> int:
        """Store the positions of verdicts."""
        seen = _read_seen([value for value in values if value is not None])
        rows = np.empty(len(seen), _KEYED)
        rows["key"] = _keys((verdict.event_id for verdict in seen), len(seen))
        rows["entry"] = _entries(number, columns.add(seen))
        with self._path(number).open("ab") as file:
            file.write(rows.tobytes())
        return len(seen)

    def seal(self) -> None:
        """Sort by key.  Takes 40 bytes of memory per verdict."""
        kept = [np.fromfile(path, _KEYED) for path in sorted(self.folder.glob("kept-*.rows"))]
        rows = np.concatenate([np.empty(0, _KEYED), *kept])[::-1]
        _, last = np.unique(rows["key"], return_index=True)
        unfinished = self.folder / "sorted.part"
        rows[last].tofile(unfinished)
        unfinished.replace(self.folder / "sorted.rows")

    def find(self, events: Events) -> Entries:
        """Return the position of each event's verdict."""
        path = self.folder / "sorted.rows"
        entries = np.zeros(len(events), ENTRY)
        if not path.stat().st_size:
            return entries
        table = np.memmap(path, _KEYED, "r")
        keys = _keys((detail.event_id for detail in events.details(range(len(events)))), len(events))
        places = np.minimum(np.searchsorted(table["key"], keys), len(table) - 1)
        found = table["key"][places] == keys
        entries[found] = table["entry"][places[found]]
        return entries

    def _path(self, number: int) -> Path:
        return self.folder / f"kept-{number:06d}.rows"


def _keys(event_ids: Iterable[str], count: int) -> NDArray[np.uint64]:
    digests = b"".join(hashlib.blake2b(event_id.encode(), digest_size=8).digest() for event_id in event_ids)
    return np.frombuffer(digests, "<u8", count).astype(np.uint64)
