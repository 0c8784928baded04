"""History in files: JSON Lines (optionally compressed), Parquet and archives, on disk or any fsspec URL (``s3://`` …).

A Parquet file holds either an archive (columns ``offset`` and ``value``, see ``stream.replay.archive``) or one column
per field of a chat event.
"""

import codecs
import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np

from schemas.codec import Event
from stream.errors import ConfigError, FileError
from stream.replay.history.packed import PACKED, length, opened, reading, skip
from stream.replay.history.stretch import RawBatch, Stretch

_BLOCK: Final = 8_388_608
_ROWS: Final = 20_000
_LINE: Final = 256
"""Bytes of a typical line, to cut JSON Lines into stretches of a given number of events."""
_FIRST: Final = 1_000
_ARCHIVED: Final = frozenset({"offset", "value"})
"""Columns that make a Parquet file an archive."""
_NEEDED: Final = frozenset({"event_id", "player_id", "channel_id", "text", "sent_at"})
"""Required columns of an event."""
_KINDS: Final = ("*.parquet", "*.jsonl", *(f"*.jsonl{end}" for end in PACKED))


def expand(patterns: Sequence[str], given: str = "--input") -> list[str]:
    """Return the files matched by paths, globs, folders and URLs: each once, sorted by name.

    ``given`` says in messages what named them.

    Raises:
        ConfigError: one of them matches nothing.
    """
    found: set[str] = set()
    for pattern in patterns:
        files = _matching(pattern, given) if pattern else []
        if not files:
            raise ConfigError(f"{given}: {pattern or 'an empty name'} matches no file")
        found.update(files)
    return sorted(found)


def _matching(pattern: str, given: str) -> list[str]:
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(pattern)
        if system.isdir(path):
            paths = [name for kind in _KINDS for name in system.glob(f"{path}/**/{kind}")]
        else:
            paths = [name for name in system.glob(path) if system.isfile(name)]
        return [str(system.unstrip_protocol(name)).removeprefix("file://") for name in paths]
    except (OSError, ValueError, ImportError) as exc:
        raise ConfigError(f"{given}: {pattern}: {exc}") from exc


def cut_files(paths: Sequence[str], size: int) -> list[Stretch]:
    """Cut files into stretches of about ``size`` events; Parquet is cut between row groups only.

    Raises:
        FileError: a file cannot be read.
        ConfigError: a Parquet file has neither an archive nor events.
    """
    stretches: list[Stretch] = []
    for partition, path in enumerate(paths):
        borders = _row_group_borders(path, size) if path.endswith(".parquet") else _byte_borders(path, size * _LINE)
        for (start, low), (end, high) in pairwise(borders):
            stretches.append(Stretch(len(stretches), path, partition, start, end, high - low))
    return stretches


def first_records(path: str) -> Iterator[bytes | None]:
    """Yield the records that a file begins with, about a thousand.  A packed file is not read through for them.

    Raises:
        FileError, ConfigError: as ``cut_files``.
    """
    lines = Stretch(0, path, 0, 0, _FIRST * _LINE, 0)  # wherever the file ends
    first = cut_files([path], _FIRST)[:1] if path.endswith(".parquet") else [lines]
    with contextlib.closing(FileReader()) as reader:
        for stretch in first:
            for batch in reader.read(stretch):
                yield from batch.values


def _byte_borders(path: str, size: int) -> list[tuple[int, int]]:
    end = length(path)
    return [(border, border) for border in [*range(0, end, size), end]]


def _row_group_borders(path: str, size: int) -> list[tuple[int, int]]:
    """Return (row group, rows before it) wherever a stretch begins or ends."""
    with _parquet(path) as file:
        names = set(file.schema_arrow.names)
        if not (names >= _ARCHIVED or names >= _NEEDED):
            raise ConfigError(
                f"--input: {path} has the columns {', '.join(sorted(names))}; expected an archive (offset, value) or "
                "the fields of a chat event"
            )
        borders, rows = [(0, 0)], 0
        for group in range(file.metadata.num_row_groups):
            rows += file.metadata.row_group(group).num_rows
            if rows - borders[-1][1] >= size:
                borders.append((group + 1, rows))
        if borders[-1][0] < file.metadata.num_row_groups:
            borders.append((file.metadata.num_row_groups, rows))
        return borders


class FileReader:
    """Reads stretches of files.  A compressed file stays open, since the next stretch continues where this one ends."""

    def __init__(self) -> None:
        self._lines = contextlib.ExitStack()
        self._file: Any = None
        self._at: tuple[str, int, int] | None = None
        """Source and end of the last stretch of lines, and the position in the open file."""

    def read(self, stretch: Stretch) -> Iterator[RawBatch]:
        """Yield the records of a stretch in order.

        Raises:
            FileError: the file cannot be read, or is not in the format of its name.
        """
        if stretch.source.endswith(".parquet"):
            yield from _read_parquet(stretch)
        else:
            yield from self._read_lines(stretch)

    def close(self) -> None:
        """Close what is open."""
        self._lines.close()

    def _read_lines(self, stretch: Stretch) -> Iterator[RawBatch]:
        """Yield the lines that begin within the stretch; blank ones and a byte order mark are skipped."""
        with reading(stretch.source):
            position = self._go_to(stretch)
            while position < stretch.end and (lines := _lines(self._file, stretch.end - position)):
                starts = position + np.cumsum([0, *map(len, lines)])
                if not position:
                    lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
                position = int(starts[-1])
                kept = [i for i, line in enumerate(lines) if line and not line.isspace()]
                values = [lines[i].rstrip(b"\r\n") for i in kept]
                yield RawBatch(None, stretch.partition, starts[:-1][kept].astype(np.int64), values)
            self._at = stretch.source, stretch.end, position

    def _go_to(self, stretch: Stretch) -> int:
        """Open the file at the first line of a stretch; return its position."""
        if self._at is not None and self._at[:2] == (stretch.source, stretch.start):
            return self._at[2]
        self._lines.close()
        self._at = None
        self._file = self._lines.enter_context(opened(stretch.source))
        if not stretch.start:
            return 0
        skip(stretch.source, self._file, stretch.start - 1)
        return stretch.start - 1 + len(self._file.readline())


def _read_parquet(stretch: Stretch) -> Iterator[RawBatch]:
    with _parquet(stretch.source) as file:
        names = file.schema_arrow.names
        groups = list(range(stretch.start, stretch.end))
        if set(names) >= _ARCHIVED:
            about = file.schema_arrow.metadata or {}
            topic = about[b"topic"].decode() if b"topic" in about else None
            partition = int(about.get(b"partition", str(stretch.partition)))
            for batch in file.iter_batches(_ROWS, row_groups=groups, columns=["offset", "value"]):
                positions = batch.column("offset").to_numpy().astype(np.int64)
                yield RawBatch(topic, partition, positions, batch.column("value").to_pylist())
            return
        position = sum(file.metadata.row_group(group).num_rows for group in range(stretch.start))
        fields = [name for name in names if name in Event.__struct_fields__]
        for batch in file.iter_batches(_ROWS, row_groups=groups, columns=fields):
            positions = np.arange(position, position + batch.num_rows, dtype=np.int64)
            position += batch.num_rows
            yield RawBatch(None, stretch.partition, positions, [_as_json(row) for row in _rows(batch)])


def _rows(batch: Any) -> list[dict[str, Any]]:
    """Return rows as Python objects.  Times are truncated to microseconds."""
    import pyarrow as pa

    def readable(field: Any) -> Any:
        if not pa.types.is_timestamp(field.type):
            return field
        return field.with_type(pa.timestamp("us", field.type.tz and "UTC"))

    schema = pa.schema(list(map(readable, batch.schema)))
    rows: list[dict[str, Any]] = pa.Table.from_batches([batch]).cast(schema, safe=False).to_pylist()
    return rows


def _as_json(row: dict[str, Any]) -> bytes:
    """Convert a row to JSON of its event; empty cells are absent fields, maps arrive as lists of pairs."""
    metadata = row.get("metadata")
    if isinstance(metadata, list | dict):
        row["metadata"] = _given(dict(metadata))
    return msgspec.json.encode(_given(row))


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _lines(file: Any, within: int) -> list[bytes]:
    """Read lines that begin within so many bytes, some megabytes of them at most."""
    if within == 1:  # to ``readlines`` 0 is no limit
        return [line for line in (file.readline(),) if line]
    lines: list[bytes] = file.readlines(min(_BLOCK, within) - 1)
    return lines


@contextmanager
def _parquet(path: str) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import parquet

    with opened(path) as file:
        try:
            yield parquet.ParquetFile(file)
        except (pa.ArrowException, OverflowError) as exc:  # the latter: a time that Python has no date for
            raise FileError(f"{path} cannot be read as Parquet: {exc}") from exc
