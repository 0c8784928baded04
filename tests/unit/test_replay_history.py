"""Where history comes from: stretches, files, recorded verdicts and the tables that lead to them."""

import bz2
import codecs
import gzip
import json
import lzma
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from stream.errors import ChatwardenError, ConfigError, FileError
from stream.replay.history.events import Labelling, read_events
from stream.replay.history.files import FileReader, cut_files, expand
from stream.replay.history.packed import PACKED
from stream.replay.history.reviews import read_reviews, reviews_digest
from stream.replay.history.stretch import RawBatch, Stretch, cut
from stream.replay.history.topic import TopicAddress, TopicReader
from stream.replay.plan import by_partition, in_lanes, shares
from tests.support.chatlog import lines


@given(st.integers(0, 50), st.integers(0, 60), st.integers(1, 12))
def test_a_span_is_cut_whole_and_at_the_same_places(start: int, length: int, size: int) -> None:
    stretches = cut("t", 3, (start, start + length), size, 7)
    covered = [offset for stretch in stretches for offset in range(stretch.start, stretch.end)]
    assert covered == list(range(start, start + length))
    assert all(stretch.start % size == 0 for stretch in stretches[1:])
    assert [stretch.number for stretch in stretches] == list(range(7, 7 + len(stretches)))


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(1, 6))
def test_shares_keep_everything_in_order(weights: list[int], count: int) -> None:
    stretches = [Stretch(i, "t", i % 3, 0, weight, weight) for i, weight in enumerate(weights)]
    assert [stretch for share in shares(stretches, count) for stretch in share] == stretches
    parted = by_partition(stretches, count)
    assert sorted(stretch for share in parted for stretch in share) == stretches
    for share in parted:
        assert share == sorted(share)


def test_one_process_reads_all_files_that_may_speak_of_an_event() -> None:
    days = [f"a/topic=v/date=2026-11-{day}/partition=0000{part}/0-9.parquet" for day in (27, 28) for part in (0, 1, 2)]
    archived = [Stretch(number, path, number, 0, 9, 9) for number, path in enumerate(days)]
    assert [stretch.partition for stretch in in_lanes(archived)] == [0, 1, 2, 0, 1, 2]
    assert [[stretch.number for stretch in share] for share in by_partition(in_lanes(archived), 2)] == [
        [0, 2, 3, 5],
        [1, 4],
    ]
    plain = [Stretch(number, path, number, 0, 9, 9) for number, path in enumerate(["v1.jsonl", "v2.jsonl"])]
    assert by_partition(in_lanes(plain), 2) == [in_lanes(plain), []]


def _within_a_line(raw: bytes) -> bool:
    return b"\n" not in raw and not raw.startswith(codecs.BOM_UTF8)


@settings(max_examples=40)
@given(st.lists(st.binary(max_size=9).filter(_within_a_line), max_size=30), st.sampled_from([b"", b"\n"]))
def test_lines_are_read_once_wherever_a_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, found: list[bytes], end: bytes
) -> None:
    path = tmp_path_factory.mktemp("lines") / "events.jsonl"
    path.write_bytes(b"\n".join(found) + end)
    expected = [line.rstrip(b"\r") for line in path.read_bytes().split(b"\n") if line and not line.isspace()]
    length = path.stat().st_size
    for size in (1, 5, 1_000):
        stretches = [
            Stretch(i, str(path), 0, low, min(length, low + size), 1) for i, low in enumerate(range(0, length, size))
        ]
        batches = [each for stretch in stretches for each in FileReader().read(stretch)]
        assert [value for each in batches for value in each.values] == expected
        for each in batches:
            for position, value in zip(each.positions.tolist(), each.values, strict=True):
                assert path.read_bytes()[position:].startswith(value or b"")


@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path: Path, end: str) -> None:
    path, said = tmp_path / f"events.jsonl{end}", list(lines(3))
    raw = codecs.BOM_UTF8 + b"\n".join(said)
    path.write_bytes(gzip.compress(raw) if end else raw)
    for size in (1, 100):  # events a stretch: the first line goes on past the first stretch, or all lines are in it
        batches = [each for stretch in cut_files([str(path)], size) for each in FileReader().read(stretch)]
        assert [value for each in batches for value in each.values] == said
    path.write_bytes(gzip.compress(codecs.BOM_UTF8) if end else codecs.BOM_UTF8)
    (stretch,) = cut_files([str(path)], 1)
    assert [list(each.values) for each in FileReader().read(stretch)] == [[]]


def pack(path: Path, raw: bytes) -> None:
    """Write bytes in two packed pieces, one after the other, as rotated logs are joined."""
    if path.suffix == ".zst":
        packed = [pa.Codec("zstd").compress(piece, asbytes=True) for piece in (raw[:1_000], raw[1_000:])]
    else:
        tool: Any = {".gz": gzip, ".bz2": bz2, ".xz": lzma}[path.suffix]
        packed = [tool.compress(piece) for piece in (raw[:1_000], raw[1_000:])]
    path.write_bytes(b"".join(packed))


@pytest.mark.parametrize("end", PACKED)
def test_packed_lines_are_cut_and_read_like_unpacked_ones(tmp_path: Path, end: str) -> None:
    plain, packed = tmp_path / "events.jsonl", tmp_path / f"events.jsonl{end}"
    plain.write_bytes(b"\n".join(lines(100)))
    pack(packed, plain.read_bytes())
    found = []
    for path in (plain, packed):
        stretches = cut_files([str(path)], 10)
        assert len(stretches) > 5
        onwards, anywhere = FileReader(), list(reversed(stretches))
        in_order = [list(onwards.read(stretch)) for stretch in stretches]
        assert [values_of(batches) for batches in reversed(in_order)] == [
            values_of(FileReader().read(stretch)) for stretch in anywhere
        ]
        onwards.close()
        found.append([values_of(batches) for batches in in_order])
    assert found[0] == found[1]
    assert [value for values in found[1] for _, value in values] == list(lines(100))


def values_of(batches: Iterable[RawBatch]) -> list[tuple[int, bytes | None]]:
    return [pair for each in batches for pair in zip(each.positions.tolist(), each.values, strict=True)]


def test_parquet_of_event_fields_reads_as_events(tmp_path: Path) -> None:
    rows = [
        {
            "event_id": f"e{i}",
            "player_id": "p",
            "channel_id": "c",
            "text": "hi",
            "sent_at": "2026-01-01T00:00:00Z",
            "lang": None,
        }
        for i in range(10)
    ]
    path = tmp_path / "events.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=3)
    stretches = cut_files([str(path)], 5)
    assert [(stretch.start, stretch.end, stretch.weight) for stretch in stretches] == [(0, 2, 6), (2, 4, 4)]
    batches = [each for stretch in stretches for each in FileReader().read(stretch)]
    values = [json.loads(value or b"") for each in batches for value in each.values]
    assert [value["event_id"] for value in values] == [f"e{i}" for i in range(10)]
    assert "lang" not in values[0]
    assert np.concatenate([each.positions for each in batches]).tolist() == list(range(10))


def a_table(sent_at: pa.Array, **columns: pa.Array) -> pa.Table:
    """Return a table of events, one for each time."""
    count = len(sent_at)
    ids = {"event_id": [f"e{i}" for i in range(count)]}
    same = {name: [name] * count for name in ("player_id", "channel_id", "text")}
    return pa.table({**ids, **same, "sent_at": sent_at, **columns})


@pytest.mark.parametrize(("unit", "zone"), [("s", "UTC"), ("us", "Europe/Berlin"), ("ns", "UTC"), ("ns", "+05:30")])
def test_times_in_parquet_are_the_instants_they_are_in_any_unit_and_zone(tmp_path: Path, unit: str, zone: str) -> None:
    scale = {"s": 1, "us": 10**6, "ns": 10**9}[unit]
    finest = 0 if unit == "s" else 123_456 * scale // 10**6 + (unit == "ns") * 789
    path = str(tmp_path / "events.parquet")
    parquet.write_table(a_table(pa.array([1_767_225_600 * scale + finest], pa.timestamp(unit, zone))), path)
    (stretch,) = cut_files([path], 10)
    events = read_events(FileReader().read(stretch), Labelling()).events
    microsecond = 0 if unit == "s" else 123_456
    assert [event.sent_at for event in events] == [datetime(2026, 1, 1, 0, 0, 0, microsecond, tzinfo=UTC)]


def test_columns_that_are_no_fields_are_passed_over(tmp_path: Path) -> None:
    """Even one called as an archive's, or one that Python cannot read."""
    times = pa.array([1_767_225_600] * 2, pa.timestamp("s", "UTC"))
    beyond = pa.array([2**62] * 2, pa.timestamp("us"))
    metadata = pa.array([{"label": "insult", "team": None}, None], pa.struct([("label", "string"), ("team", "string")]))
    path = str(tmp_path / "events.parquet")
    parquet.write_table(a_table(times, value=pa.array([1, 2]), beyond=beyond, metadata=metadata), path)
    (stretch,) = cut_files([path], 10)
    events = read_events(FileReader().read(stretch), Labelling("label"))
    assert events.labels == ["insult", None]
    parquet.write_table(a_table(beyond.cast(pa.timestamp("us", "UTC"))), path)
    with pytest.raises(FileError, match=r"events\.parquet .*: date value out of range"):
        list(FileReader().read(stretch))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="matches no file"):
        expand([str(tmp_path / "*.jsonl")])
    with pytest.raises(ConfigError, match="an empty name matches no file"):
        expand([""])
    with pytest.raises(ConfigError, match="recorded verdicts: nowhere matches no file"):
        expand(["nowhere"], "recorded verdicts")
    for end in PACKED:
        packed = tmp_path / f"events.jsonl{end}"
        packed.write_bytes(b"x")
        with pytest.raises(FileError, match=f"cannot read .*events.jsonl{end}"):
            cut_files([str(packed)], 10)
    broken = tmp_path / "events.parquet"
    broken.write_bytes(b"no parquet")
    with pytest.raises(FileError, match="cannot be read as Parquet"):
        cut_files([str(broken)], 10)
    parquet.write_table(pa.table({"a": [1]}), broken)
    with pytest.raises(ConfigError, match="has the columns a"):
        cut_files([str(broken)], 10)


def test_globs_folders_and_urls_name_files_once(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "c.txt"):
        (tmp_path / name).write_bytes(b"{}\n")
    expected = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    assert expand([str(tmp_path), f"file://{tmp_path}/a.jsonl", str(tmp_path / "*.jsonl")]) == expected


def test_reviews_are_read_from_lines_and_tables(tmp_path: Path) -> None:
    reviews = tmp_path / "reviews.jsonl"
    reviews.write_text('{"event_id":"a","label":"insult"}\n\n{"event_id":"a","label":"non_toxic"}\n')
    assert read_reviews(str(reviews)) == {"a": "non_toxic"}
    table = tmp_path / "reviews.csv"
    table.write_text("label,event_id\ninsult,b\n")
    assert read_reviews(str(table)) == {"b": "insult"}
    reviews.write_text('{"event_id":"a","label":"insult"}\n{"event_id":"a"}\n')
    with pytest.raises(ConfigError, match=r"reviews\.jsonl:2"):
        read_reviews(str(reviews))
    table.write_text("id,label\n1,2\n")
    with pytest.raises(ConfigError, match="header"):
        read_reviews(str(table))


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("r.csv", b"event_id,label\na,insult\nb\n", r"r\.csv:3: more or fewer cells"),
        ("r.csv", b"event_id,label\na,insult,hate\n", r"r\.csv:2: more or fewer cells"),
        ("r.csv", b"event_id,label\na,\n", r"r\.csv:2: the label is empty"),
        ("r.csv", b'event_id,label\na,"insult\n', r"r\.csv:2: unexpected end of data"),
        ("r.csv", b"event_id,label\na," + b"x" * 200_000 + b"\n", r"r\.csv:2: field larger"),
        ("r.csv", b"event_id;label\na;insult\n", "separated by commas"),
        ("r.csv", b"event_id,label\n\xff,insult\n", r"r\.csv: .*utf-8"),
        ("r.jsonl", b'{"event_id":"a","label":" "}\n', r"r\.jsonl:1: the label is empty"),
    ],
)
def test_reviews_that_say_nothing_are_refused_by_their_line(tmp_path: Path, name: str, raw: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(raw)
    for read in (read_reviews, reviews_digest):
        with pytest.raises(ConfigError, match=said):
            read(str(tmp_path / name))


def test_reviews_are_what_a_spreadsheet_writes(tmp_path: Path) -> None:
    table, lines = tmp_path / "reviews.CSV", tmp_path / "reviews.jsonl"
    table.write_bytes(b'\xef\xbb\xbfevent_id,note,label\r\na,"two\r\nlines", insult \r\n')
    lines.write_bytes(b'\xef\xbb\xbf{"event_id":"a","label":"insult"}\r\n')
    assert read_reviews(str(table)) == read_reviews(str(lines)) == {"a": "insult"}
    assert reviews_digest(str(table)) == reviews_digest(str(lines))


def test_a_topic_is_connected_to_only_when_it_is_read() -> None:
    """A client that is told later what to read may wait a second for the first record."""
    refused = TopicAddress("127.0.0.1:1", "chat.events", {"no.such.setting": 1})
    TopicReader(refused).close()
    with pytest.raises(ChatwardenError, match="connecting"):
        next(TopicReader(refused).messages(Stretch(0, "chat.events", 0, 0, 1, 1)))
