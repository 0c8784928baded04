"""Flips: all of them in one Parquet file, and a sample to read."""

import hashlib
import heapq
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from stream.errors import FileError
from stream.replay.parts import COMPRESSION, tables

PER_TRANSITION: Final = 12
"""Sampled flips per pair of actions."""

Row = dict[str, Any]


def gather_flips(paths: Sequence[Path], output: Path) -> list[Row]:
    """Write the flips of all parts into one file, in the order given; return a sample.

    The sample is drawn by a digest of the event's origin, so that the same history gives the same sample.

    Raises:
        FileError: a part cannot be read or the file cannot be written.
    """
    from pyarrow import parquet

    sample = _Sample()
    writer: Any = None
    unfinished = output.with_suffix(".unfinished")
    try:
        for table in tables(paths):
            writer = writer or parquet.ParquetWriter(unfinished, table.schema, compression=COMPRESSION)
            if table.num_rows:
                writer.write_table(table)
                sample.add(table)
        if writer is not None:
            writer.close()
            unfinished.replace(output)
    except OSError as exc:
        raise FileError(f"cannot write {output}: {exc.strerror}") from exc
    return sample.rows()


class _Sample:
    """The flips with the smallest digests, a fixed number per transition."""

    def __init__(self) -> None:
        self._chosen: dict[tuple[str, str], list[tuple[int, int, Row]]] = {}
        self._seen = 0

    def add(self, table: Any) -> None:
        keys = ["topic", "partition", "offset", "event_id", "baseline_action", "candidate_action"]
        columns = [table[key].to_pylist() for key in keys]
        for place, (*where, before, after) in enumerate(zip(*columns, strict=True)):
            self._seen += 1
            digest = -int.from_bytes(hashlib.blake2b(repr(where).encode(), digest_size=8).digest())
            chosen = self._chosen.setdefault((before, after), [])
            if len(chosen) < PER_TRANSITION:
                heapq.heappush(chosen, (digest, self._seen, _row(table, place)))
            elif digest > chosen[0][0]:
                heapq.heapreplace(chosen, (digest, self._seen, _row(table, place)))

    def rows(self) -> list[Row]:
        return [
            row for transition in sorted(self._chosen) for _, _, row in sorted(self._chosen[transition], key=_by_digest)
        ]


def _by_digest(entry: tuple[int, int, Row]) -> tuple[int, int]:
    return -entry[0], entry[1]


def _row(table: Any, place: int) -> Row:
    row: Row = table.slice(place, 1).to_pylist()[0]
    row["scores"] = {name: round(score, 3) for name, score in row["scores"]}
    return row
