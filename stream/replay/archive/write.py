"""Write topic ranges to an archive.  Ranges already archived are not written again."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from schemas.codec import decode_event
from schemas.dead_letter import Rejection
from stream.errors import FileError
from stream.replay.archive.layout import COMPRESSION, UNFINISHED, ArchiveFile, day, missing, parse, schema
from stream.replay.history.events import read_seen
from stream.replay.history.stretch import Stretch
from stream.replay.history.topic import TopicAddress, TopicReader

if TYPE_CHECKING:
    from confluent_kafka import Message

FILE_ROWS: Final = 500_000
"""Maximum records in a file."""

Row = tuple[int, int, str | None, bytes | None, str | None]
Kept = Callable[[Stretch, int], None]
"""Called for each written stretch, with its number of records."""


def event_row(offset: int, timestamp_ms: int, value: bytes | None) -> Row:
    """Return an event's row."""
    decoded = decode_event(value)
    if isinstance(decoded, Rejection):
        return offset, timestamp_ms, None, value, decoded.cause
    return offset, timestamp_ms, decoded.player_id, value, None


def verdict_row(offset: int, timestamp_ms: int, value: bytes | None) -> Row:
    """Return a verdict's row."""
    seen = read_seen.one(value) if value is not None else None
    if seen is None:
        return offset, timestamp_ms, None, value, "no_verdict"
    return offset, timestamp_ms, seen.player_id, value, None


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive: a folder or a URL that fsspec knows."""

    root: str

    def files(self, topic: str = "*", partition: str = "*") -> list[str]:
        """Return the paths of its files, or of those of a topic or partition, in order.

        Raises:
            FileError: it cannot be listed.
        """
        try:
            system, path = self._system()
            found = system.glob(f"{path}/topic={topic}/date=*/partition={partition}/*.parquet")
        except (OSError, ValueError, ImportError) as exc:
            raise FileError(f"cannot list {self.root}: {exc}") from exc
        return sorted(str(name) for name in found)

    def clear(self) -> None:
        """Remove what interrupted writers have left behind; a writer still at work fails and must be run again.

        Raises:
            FileError: the archive cannot be listed or written.
        """
        try:
            system, path = self._system()
            for name in system.glob(f"{path}/topic=*/date=*/partition=*/*{UNFINISHED}"):
                system.rm_file(name)
        except (OSError, ValueError, ImportError) as exc:
            raise FileError(f"cannot clear {self.root}: {exc}") from exc

    def left(self, topic: str, spans: dict[int, tuple[int, int]]) -> list[Stretch]:
        """Return the parts of the spans of a topic that are not archived yet."""
        kept = [file for file in map(parse, self.files()) if file is not None and file.topic == topic]
        stretches: list[Stretch] = []
        for partition, span in spans.items():
            mine = [(file.start, file.end) for file in kept if file.partition == partition]
            for low, high in missing(span, mine):
                stretches.append(Stretch(len(stretches), topic, partition, low, high, high - low))
        return stretches

    def write(
        self, address: TopicAddress, stretches: Iterable[Stretch], as_row: Callable[..., Row], kept: Kept
    ) -> None:
        """Write stretches of a topic; each file is written atomically.

        Raises:
            FileError: a file cannot be written, before the topic is read if none can be; or another writer has
                archived some of the records meanwhile.
            TransportError, DataLost: the topic cannot be read.
        """
        self._claim()
        reader = TopicReader(address)
        try:
            for stretch in stretches:
                for file, rows in _files(stretch, reader.messages(stretch), as_row):
                    self._refuse_another_writer(file)
                    self._write(file, rows)
                    kept(stretch._replace(weight=file.end - file.start), len(rows))
        finally:
            reader.close()

    def _claim(self) -> None:
        system, path = self._system()
        probe = f"{path}/{UNFINISHED}"
        try:
            system.makedirs(path, exist_ok=True)
            system.open(probe, "wb").close()
            system.rm_file(probe)
        except (OSError, NotImplementedError) as exc:
            raise FileError(f"cannot write {self.root}: {exc or 'it is read-only'}") from exc

    def _refuse_another_writer(self, file: ArchiveFile) -> None:
        self._system()[0].invalidate_cache()
        for other in filter(None, map(parse, self.files(file.topic, f"{file.partition:05d}"))):
            if other.overlaps(file):
                raise FileError(
                    f"{self.root}: another `archive` wrote offsets {other.start:,} to {other.end:,} of {file.topic} "
                    f"[{file.partition}] meanwhile; run it again when that one has ended"
                )

    def _write(self, file: ArchiveFile, rows: list[Row]) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        columns = schema(file.topic, file.partition)
        table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=columns)
        self.replace(
            file.path(self._system()[1]),
            lambda sink: parquet.write_table(table, sink, compression=COMPRESSION, row_group_size=50_000),
        )

    def replace(self, path: str, write: Callable[[Any], None]) -> None:
        """Write a temporary file, then rename it into place.

        Raises:
            FileError: it cannot be written.
        """
        system, _ = self._system()
        try:
            system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            with system.open(path + UNFINISHED, "wb") as sink:
                write(sink)
            system.mv(path + UNFINISHED, path)
        except OSError as exc:
            raise FileError(f"cannot write {path}: {exc}") from exc

    def open(self, path: str) -> Any:
        """Open a file for reading."""
        return self._system()[0].open(path, "rb")

    def _system(self) -> tuple[Any, str]:
        import fsspec

        system, path = fsspec.core.url_to_fs(self.root)
        return system, str(path).rstrip("/")


def _files(
    stretch: Stretch, batches: Iterable[list["Message"]], as_row: Callable[..., Row]
) -> Iterator[tuple[ArchiveFile, list[Row]]]:
    """Group records into files: a new one each day and after ``FILE_ROWS``."""
    rows: list[Row] = []
    start, date = stretch.start, ""
    for messages in batches:
        for message in messages:
            offset, timestamp_ms = message.offset() or 0, message.timestamp()[1]
            if rows and (len(rows) >= FILE_ROWS or day(timestamp_ms) > date):
                yield ArchiveFile(stretch.source, date, stretch.partition, start, offset), rows
                rows, start, date = [], offset, ""
            date = date or day(timestamp_ms)
            rows.append(as_row(offset, timestamp_ms, message.value()))
    if rows:
        yield ArchiveFile(stretch.source, date, stretch.partition, start, stretch.end), rows
