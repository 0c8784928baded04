"""The layout of an archive: file names and columns.

``ROOT/topic=T/date=2026-01-31/partition=00003/<first offset>-<offset after the last>.parquet``: a contiguous run of
offsets of one partition and one day (by broker timestamp, UTC).
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

COMPRESSION: Final = "zstd"
UNFINISHED: Final = ".unfinished"
_FOLDER: Final = re.compile(r"/topic=[^/]+/date=[0-9-]+/partition=[0-9]+/[^/]+$")
_NAME: Final = re.compile(r"/topic=([^/]+)/date=([0-9-]+)/partition=([0-9]+)/([0-9]+)-([0-9]+)\.parquet$")


class ArchiveFile(NamedTuple):
    """One file of an archive; ``end`` is the offset after its last record's."""

    topic: str
    date: str
    partition: int
    start: int
    end: int

    def path(self, root: str) -> str:
        """Return its path."""
        where = f"topic={self.topic}/date={self.date}/partition={self.partition:05d}"
        return f"{root.rstrip('/')}/{where}/{self.start:020d}-{self.end:020d}.parquet"

    def overlaps(self, other: "ArchiveFile") -> bool:
        """Return whether both cover some offset of the same partition."""
        here = (self.topic, self.partition) == (other.topic, other.partition)
        return here and self.start < other.end and other.start < self.end


def parse(path: str) -> ArchiveFile | None:
    """Parse a path; None if it is not that of an archive file."""
    found = _NAME.search(path)
    if found is None:
        return None
    topic, date, partition, start, end = found.groups()
    return ArchiveFile(topic, date, int(partition), int(start), int(end))


def is_stray(path: str) -> bool:
    """Whether a file lies among those of an archive under another kind of name, as a copy of one may."""
    return _FOLDER.search(path) is not None and _NAME.search(path) is None


def root_of(path: str) -> str:
    """Return the archive that a path lies in; all of it if it is not an archive file's."""
    found = _NAME.search(path)
    return path if found is None else path[: found.start()]


def day(timestamp_ms: int) -> str:
    """Return the UTC date of a broker timestamp."""
    return datetime.fromtimestamp(max(0, timestamp_ms) / 1000, UTC).date().isoformat()


def missing(span: tuple[int, int], kept: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the parts of a span of offsets that no archived span covers, in order."""
    at, end = span
    found: list[tuple[int, int]] = []
    for low, high in sorted(kept):
        if low > at:
            found.append((at, min(low, end)))
        at = max(at, high)
        if at >= end:
            break
    if at < end:
        found.append((at, end))
    return [(low, high) for low, high in found if low < high]


def schema(topic: str, partition: int) -> Any:
    """Return the columns of an archive file; topic and partition are in the schema's metadata.

    ``value`` holds the original bytes.  A record that is not an event has a ``cause`` in place of a player.
    """
    import pyarrow as pa

    columns = [
        ("offset", pa.int64()),
        ("timestamp_ms", pa.int64()),
        ("player_id", pa.string()),
        ("value", pa.binary()),
        ("cause", pa.string()),
    ]
    return pa.schema(columns, metadata={"topic": topic, "partition": str(partition)})
