"""What spreadsheets, pipes and crashed exports leave behind: read as meant, or refused by its place without a cell."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from model.training.sources import Example, read_table
from model.training.tables import LONGEST_NAMED, MOST_NAMED, SourceError, listed, read_rows

ROWS = [{"text": f"line {place}", "label": "ok"} for place in range(300)]
TABLE = "text,label\ngg,ok\n"


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read_table(path, text="text", label="label")
    said = str(caught.value)
    assert said.startswith(str(path))
    return said.removeprefix(str(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", "", "use csv, tsv, jsonl"),
        ("a.csv", "said,kind\nhello,ok\n", ", row 1: no column 'text'; it has said, kind"),
        ("a.jsonl", '{"text": "hi", "label": "ok"}\nnot json\n', ", line 2: not JSON"),
        ("a.jsonl", "[" * 100_000, ", line 1: not JSON"),
        ("a.jsonl", "[1]\n", ", line 1: expected an object, found list"),
        ("a.csv", 'text,label\n"open\n', ", line 2: unexpected end"),
        ("a.csv", "label,text\nok,gg\nbad,well played, you dog\n", ", line 3: more cells than columns; quote texts"),
        ("a.csv", TABLE + "\nsecret\n", ", line 4: fewer cells than columns"),
        ("a.csv", "text,label,text\ngg,ok,wp\n", ", line 1: duplicate columns: text"),
        ("a.csv", "text;label\ngg, wp;ok\n", ", line 1: only one column; is it separated by ';'? save it with ','"),
        (
            "a.csv",
            "text\tlabel\ngg\tok\n",
            ", line 1: only one column; is it separated by '\\t'? save it with ',', or",
        ),
        ("a.tsv", TABLE, ", line 1: only one column; is it separated by ','?"),
    ],
)
def test_what_is_ambiguous_is_named_by_its_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    said = refused(tmp_path / name)
    assert message in said
    assert "secret" not in said
    assert "you dog" not in said


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", (TABLE + "schöner Zug,ok\n").encode("latin-1"), ", line 3: not UTF-8; save it as UTF-8"),
        ("a.csv", TABLE.encode("utf-16"), ", line 1: not UTF-8"),
        ("a.jsonl", '{"text": "a", "label": "b"}\n{"text": "ö"}\n'.encode("latin-1"), ", line 2: not UTF-8"),
        ("a.csv.gz", gzip.compress((TABLE + "ö,ok\n").encode("latin-1")), ", line 3: not UTF-8"),
        ("a.csv.gz", b"no gzip at all", ": truncated or damaged: Not a gzipped file"),
        ("a.csv.gz", gzip.compress(TABLE.encode())[:-9], ": truncated or damaged"),
        ("a.jsonl.gz", gzip.compress(b"x" * 100)[:10] + b"\xff" * 30, ": truncated or damaged"),
        ("a.parquet", b"", ": truncated or damaged"),
        ("a.parquet", b"PAR1 and no more", ": truncated or damaged"),
    ],
)
def test_what_is_damaged_is_named_by_its_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert message in refused(tmp_path / name)


def test_parquet_with_a_broken_page_is_named(tmp_path: Path) -> None:
    whole = tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_pylist(ROWS), whole)
    found = bytearray(whole.read_bytes())
    found[4:200] = b"\xff" * 196
    whole.write_bytes(found)
    assert ": truncated or damaged" in refused(whole)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "\ufeff" + TABLE),
        ("a.csv", "text,label\r\ngg,ok\r\n\r\n"),
        ("a.jsonl", '\ufeff{"text": "gg", "label": "ok"}\n'),
        ("a.jsonl", '{"text": "gg", "label": "ok"}\n\n  \n'),
    ],
)
def test_marks_and_blank_lines_of_spreadsheets_do_no_harm(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8", newline="")
    assert read_table(tmp_path / name, text="text", label="label") == [Example("gg", ("ok",), "a")]


def test_a_cell_without_a_number_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "gg", "label": "ok", "match": float("nan")}) + "\n")
    assert read_table(tmp_path / "a.jsonl", text="text", label="label", match="match")[0].match == ""


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        list(read_rows(tmp_path / "gone.csv"))


def test_a_message_quotes_little_of_what_a_file_calls_its_columns() -> None:
    said = listed(["x" * 500, *map(str, range(2 * MOST_NAMED))])
    assert said.startswith("x" * LONGEST_NAMED + "…, 0, 1")
    assert said.endswith(f" and {MOST_NAMED + 1} more")
