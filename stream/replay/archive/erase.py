"""Erase players from an archive: every file that speaks of one is written again without."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from stream.errors import FileError
from stream.replay.archive.layout import COMPRESSION
from stream.replay.archive.write import Archive


class Erased(NamedTuple):
    """What an erasure came to."""

    files: int = 0
    rows: int = 0
    looked_at: int = 0


def erase(archive: Archive, players: Collection[str], looked: Callable[[int, int], None]) -> Erased:
    """Erase players; once more finds nothing.  ``looked`` is told how many files of how many were looked at.

    Each file is replaced whole, so an erasure that is cut off is done by asking again.

    Raises:
        FileError: a file cannot be read or written.
    """
    files = rows = 0
    paths = archive.files()
    for number, path in enumerate(paths, 1):
        removed = _erase_from(archive, path, players)
        files += bool(removed)
        rows += removed
        looked(number, len(paths))
    return Erased(files, rows, len(paths))


def _erase_from(archive: Archive, path: str, players: Collection[str]) -> int:
    """Return how many rows a file lost."""
    import pyarrow as pa
    from pyarrow import compute, parquet

    wanted = pa.array(sorted(players), pa.string())
    try:
        with archive.open(path) as source:
            file = parquet.ParquetFile(source)
            hits = compute.is_in(file.read(["player_id"])["player_id"], value_set=wanted)
            removed = int(compute.sum(hits).as_py() or 0)
            if removed:
                archive.replace(path, lambda sink: _copy_without(file, wanted, sink))
    except (OSError, pa.ArrowException) as exc:
        raise FileError(f"cannot erase from {path}: {exc}") from exc
    return removed


def _copy_without(file: Any, players: Any, sink: Any) -> None:
    """Copy a file without the rows of some players, a row group at a time."""
    from pyarrow import compute, parquet

    with parquet.ParquetWriter(sink, file.schema_arrow, compression=COMPRESSION) as writer:
        for group in range(file.metadata.num_row_groups):
            table = file.read_row_group(group)
            writer.write_table(table.filter(compute.invert(compute.is_in(table["player_id"], value_set=players))))
