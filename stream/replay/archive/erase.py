"""Erase players from an archive: every file that names one is rewritten without those rows."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.errors import FileError
from stream.replay.archive.layout import COMPRESSION
from stream.replay.archive.write import Archive

_ESCAPE: Final = re.compile(r"\\u([0-9a-f]{4})")


class Erased(NamedTuple):
    """The result of an erasure."""

    files: int = 0
    rows: int = 0
    looked_at: int = 0


def erase(archive: Archive, players: Collection[str], looked: Callable[[int, int], None]) -> Erased:
    """Erase players; repeating it changes nothing.  ``looked`` is called with the number of files checked and in total.

    Malformed records have no player; those whose bytes contain a player's id are erased.  Each file is replaced as a
    whole, so an interrupted erasure is completed by running it again.  Unfinished files are removed.

    Raises:
        FileError: a file cannot be read or written.
    """
    files = rows = 0
    archive.clear()
    paths = archive.files()
    for number, path in enumerate(paths, 1):
        removed = _erase_from(archive, path, players)
        files += bool(removed)
        rows += removed
        looked(number, len(paths))
    return Erased(files, rows, len(paths))


def _erase_from(archive: Archive, path: str, players: Collection[str]) -> int:
    """Erase from one file; return how many rows were removed."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with archive.open(path) as source:
            file = parquet.ParquetFile(source)
            hits = [_hits(file, group, players) for group in range(file.metadata.num_row_groups)]
            removed = sum(int(each.sum()) for each in hits)
            if removed:
                archive.replace(path, lambda sink: _copy_without(file, hits, sink))
    except (OSError, pa.ArrowException) as exc:
        raise FileError(f"cannot erase from {path}: {exc}") from exc
    return removed


def _hits(file: Any, group: int, players: Collection[str]) -> NDArray[np.bool_]:
    """Return the rows about players: their own, and malformed ones whose bytes contain an id as JSON may write it."""
    import pyarrow as pa
    from pyarrow import compute

    ids = file.read_row_group(group, ["player_id"])["player_id"]
    hits = np.array(compute.is_in(ids, value_set=pa.array(sorted(players), pa.string())))
    if ids.null_count:
        broken = np.flatnonzero(compute.is_null(ids))
        values = file.read_row_group(group, ["value"])["value"].take(pa.array(broken)).to_pylist()
        forms = {form.encode() for player in players for form in _spelled(player)}
        hits[broken] = [value is not None and any(form in value for form in forms) for value in values]
    return hits


def _spelled(player: str) -> Iterator[str]:
    """Yield an id as it is, and as common JSON writers escape it."""
    yield player
    for form in (json.dumps(player, ensure_ascii=False)[1:-1], json.dumps(player)[1:-1]):
        capitals = _ESCAPE.sub(lambda found: f"\\u{found[1].upper()}", form)
        for each in (form, capitals):
            yield each
            yield each.replace("/", "\\/")


def _copy_without(file: Any, hits: Sequence[NDArray[np.bool_]], sink: Any) -> None:
    """Copy a file without the rows hit, a row group at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetWriter(sink, file.schema_arrow, compression=COMPRESSION) as writer:
        for group, gone in enumerate(hits):
            writer.write_table(file.read_row_group(group).filter(pa.array(~gone)))
