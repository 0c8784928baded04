"""Tables on disk, row by row: CSV, TSV, JSON Lines and Parquet.  Damaged or ambiguous input is refused with its line.

Messages name files, lines and columns but quote no cell, since cells are chat.
"""

import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from model.errors import DataError

Row = Mapping[str, object]
T = TypeVar("T")

MOST_NAMED: Final = 20
LONGEST_NAMED: Final = 40
"""Maximum characters of a column or label quoted in a message: if the wrong column was read, it contains chat."""
_SIGNS: Final = ";\t,|"
_ENCODING: Final = "utf-8-sig"
"""UTF-8, with or without the byte order mark that spreadsheets write."""


class SourceError(DataError):
    """A file of examples cannot be read as asked; the message names file, row and fix."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV, TSV, JSON Lines or Parquet file; the first three may be gzipped.

    Raises:
        SourceError: the suffix is unknown, the file is damaged, or a line is not in the format of the suffix.
    """
    check_there(path)
    kind = "".join(path.suffixes[-2:]).lower().removesuffix(".gz").rpartition(".")[2]
    if kind in ("csv", "tsv"):
        yield from _whole(path, _delimited(path, "," if kind == "csv" else "\t"))
    elif kind in ("jsonl", "ndjson"):
        yield from _whole(path, _json_lines(path))
    elif kind == "parquet":
        yield from _parquet(path)
    else:
        raise SourceError(f"{path}: cannot read '.{kind}'; use csv, tsv, jsonl (also .gz) or parquet")


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, gzipped or not.

    Raises:
        SourceError: it is missing, damaged or not UTF-8.
    """
    check_there(path)
    yield from _whole(path, _lines(path))


def check_there(*paths: Path | None) -> None:
    """Refuse missing files before any is read; None stands for a file that was not given.

    Raises:
        SourceError: names the first.
    """
    for path in paths:
        if path is not None and not path.is_file():
            raise SourceError(f"{path}: no such file")


def shortened(name: str) -> str:
    """Return a column's or label's name, shortened for a message."""
    return name if len(name) <= LONGEST_NAMED else f"{name[:LONGEST_NAMED]}…"


def listed(names: Iterable[str]) -> str:
    """Return names for a message: limited in number and length."""
    found = list(names)
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(map(shortened, found[:MOST_NAMED])) + more


def _whole(path: Path, rows: Iterator[T]) -> Iterator[T]:
    """Yield rows; report invalid text or a truncated file by its line."""
    try:
        yield from rows
    except UnicodeDecodeError as exc:
        raise SourceError(f"{path}, line {_undecodable(path)}: not UTF-8; save it as UTF-8") from exc
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise SourceError(f"{path}: truncated or damaged: {exc}") from exc


def _undecodable(path: Path) -> int:
    """Return the number of the first line that is not UTF-8."""
    with _bytes(path) as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _delimited(path: Path, delimiter: str) -> Iterator[Row]:
    with _text(path) as lines:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            yield from _with_names(path, reader, delimiter)
        except csv.Error as exc:
            raise SourceError(f"{path}, line {reader.line_num}: {exc}") from exc


def _with_names(path: Path, reader: Any, delimiter: str) -> Iterator[Row]:  # csv's reader has no public type
    columns: list[str] = next(reader, [])
    _check_columns(path, columns, delimiter)
    for cells in reader:
        if not cells:
            continue  # an empty line
        if len(cells) > len(columns):
            mend = f"quote texts that contain {delimiter!r}"
            raise SourceError(f"{path}, line {reader.line_num}: more cells than columns; {mend}")
        if len(cells) < len(columns):
            raise SourceError(f"{path}, line {reader.line_num}: fewer cells than columns; write empty cells too")
        yield dict(zip(columns, cells, strict=True))


def _check_columns(path: Path, columns: list[str], delimiter: str) -> None:
    if twice := [name for name, seen in Counter(columns).items() if name and seen > 1]:
        raise SourceError(f"{path}, line 1: duplicate columns: {listed(twice)}; name each once")
    sign = next((sign for sign in _SIGNS if sign != delimiter and sign in columns[0]), None) if columns else None
    if sign is not None and len(columns) == 1:
        mend = f"save it with {delimiter!r}" + (", or call it .tsv" if sign == "\t" else "")
        raise SourceError(f"{path}, line 1: only one column; is it separated by {sign!r}? {mend}")


def _json_lines(path: Path) -> Iterator[Row]:
    with _text(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.isspace():
                yield _json_row(path, number, line)


def _json_row(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise SourceError(f"{path}, line {number}: not JSON: {exc}") from exc
    if not isinstance(row, dict):
        raise SourceError(f"{path}, line {number}: expected an object, found {type(row).__name__}")
    return row


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    from pyarrow import parquet

    with path.open("rb") as file:
        try:
            for batch in parquet.ParquetFile(file).iter_batches():
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as exc:  # a page that cannot be read is an OSError without a name
            raise SourceError(f"{path}: truncated or damaged: {str(exc).partition(chr(10))[0]}") from exc


def _lines(path: Path) -> Iterator[str]:
    with _text(path) as lines:
        yield from lines


def _bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def _text(path: Path) -> io.TextIOBase:
    return io.TextIOWrapper(_bytes(path), encoding=_ENCODING, newline="")
