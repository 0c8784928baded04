"""Archives: what is where, what is missing, and how players are forgotten, on a file system that is only in memory."""

from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

import fsspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from typer.testing import CliRunner

from stream.cli import app
from stream.errors import ConfigError, FileError
from stream.replay.archive.erase import erase
from stream.replay.archive.layout import ArchiveFile, day, missing, parse, schema
from stream.replay.archive.write import Archive, event_row, verdict_row
from stream.replay.history.events import Labelling, read_events
from stream.replay.history.files import FileReader, cut_files, expand
from stream.replay.history.stretch import Stretch
from stream.replay.history.topic import TopicAddress
from stream.replay.plan import origins_of_files
from tests.support.judges import an_event

spans = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: (min(pair), max(pair)))


@given(spans, st.lists(spans, max_size=6))
def test_what_is_missing_and_what_is_kept_make_up_the_span(span: tuple[int, int], kept: list[tuple[int, int]]) -> None:
    left = [offset for low, high in missing(span, kept) for offset in range(low, high)]
    there = {offset for low, high in kept for offset in range(low, high)}
    assert left == [offset for offset in range(*span) if offset not in there]


def test_a_path_says_what_is_in_it() -> None:
    file = ArchiveFile("chat.events", "2026-01-31", 3, 10, 20)
    assert parse(file.path("s3://bucket/chat/")) == file
    assert parse("chat/events.parquet") is None
    assert file.overlaps(file._replace(date="2026-02-01", start=19, end=30))
    assert not file.overlaps(file._replace(start=20, end=30))
    assert not file.overlaps(file._replace(partition=4))
    assert not file.overlaps(file._replace(topic="other"))
    assert day(1_767_225_600_000) == "2026-01-01"
    assert day(-1) == "1970-01-01"


def test_rows_name_players_or_causes() -> None:
    event = an_event()
    assert event_row(7, 1, event) == (7, 1, "p", event, None)
    assert event_row(8, 1, b"{") == (8, 1, None, b"{", "not_json")
    assert event_row(8, 1, None) == (8, 1, None, None, "null_value")
    assert verdict_row(9, 1, b"{}") == (9, 1, None, b"{}", "no_verdict")
    assert verdict_row(9, 1, None)[4] == "no_verdict"


@pytest.fixture
def archive() -> Archive:
    """Return an archive of two files, with players p (in the first), q and r."""
    kept = Archive(f"memory://{uuid4()}")
    files: list[list[str | None]] = [["p", "q", "p", None], ["q", "r"]]
    for partition, players in enumerate(files):
        rows = [
            (offset, 0, player, None if player is None else an_event().replace(b'"p"', f'"{player}"'.encode()), None)
            for offset, player in enumerate(players)
        ]
        table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=schema("chat", partition))
        path = ArchiveFile("chat", "2026-01-01", partition, 0, 9).path(kept.root.removeprefix("memory:/"))
        kept.replace(path, lambda sink, table=table: parquet.write_table(table, sink, row_group_size=2))  # type: ignore[misc]  # bound now
    return kept


def test_an_archive_that_cannot_be_written_is_told_before_the_topic_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nobody = TopicAddress("127.0.0.1:1", "chat", {})
    for root in (f"{tmp_path}/file/in", "http://127.0.0.1:1/archive"):
        with pytest.raises(FileError, match=f"cannot write {root}: "):
            Archive(root).write(nobody, [Stretch(0, "chat", 0, 0, 9, 9)], event_row, lambda *_: None)


def test_an_archive_reads_as_history(archive: Archive) -> None:
    paths = expand([archive.root])
    origin = origins_of_files(paths)
    assert origin is not None
    assert origin.topic == "chat"
    assert origin.spans == {0: (0, 9), 1: (0, 9)}
    batches = [batch for stretch in cut_files(paths, 3) for batch in FileReader().read(stretch)]
    events = read_events(batches, Labelling())
    assert events.topic == "chat"
    assert events.partitions.tolist() == [0, 0, 0, 1, 1]
    assert events.positions.tolist() == [0, 1, 2, 0, 1]
    assert [detail.player_id for detail in events.details(range(5))] == ["p", "q", "p", "q", "r"]
    assert events.dead_letters == {"null_value": 1}


def test_a_player_is_erased_from_every_file_and_nobody_else(archive: Archive) -> None:
    looked: list[tuple[int, int]] = []
    erased = erase(archive, ["q", "nobody"], lambda number, count: looked.append((number, count)))
    assert erased == (2, 2, 2)
    assert looked == [(1, 2), (2, 2)]
    assert erase(archive, ["q"], lambda *_: None).rows == 0
    left = []
    for path in archive.files():
        with archive.open(path) as file:
            table = parquet.read_table(file)
        assert table.schema.metadata[b"topic"] == b"chat"
        left += list(zip(table["offset"].to_pylist(), table["player_id"].to_pylist(), strict=True))
    assert left == [(0, "p"), (2, "p"), (3, None), (1, "r")]


@pytest.mark.parametrize("blank", ["", " \t"])
def test_a_blank_id_erases_nothing(tmp_path: Path, blank: str) -> None:
    players = tmp_path / "players.txt"
    players.write_text(f"p-1\n{blank or ' '}\n", encoding="utf-8")
    for option, value in (("--player", blank), ("--players", str(players))):
        done = CliRunner().invoke(app, ["archive", "erase", str(tmp_path), option, value])
        assert isinstance(done.exception, ConfigError), done.output
        assert "blank" in str(done.exception)


def test_broken_records_keep_their_bytes_until_a_player_in_them_is_erased() -> None:
    kept = Archive(f"memory://{uuid4()}")
    values = [b'{"player_id": "q', b"\xff\x00", None, b'{"player_id": "jos\\u00e9"', '{"jos\u00e9'.encode()]
    table = pa.table(
        [list(column) for column in zip(*[event_row(i, 0, value) for i, value in enumerate(values)], strict=True)],
        schema=schema("chat", 0),
    )
    path = ArchiveFile("chat", "2026-01-01", 0, 0, 9).path(kept.root.removeprefix("memory:/"))
    kept.replace(path, lambda sink: parquet.write_table(table, sink))
    (batch,) = [each for stretch in cut_files(expand([kept.root]), 9) for each in FileReader().read(stretch)]
    assert batch.values == values
    assert read_events([batch], Labelling()).dead_letters == {"not_json": 3, "not_utf8": 1, "null_value": 1}
    assert erase(kept, ["jos\u00e9"], lambda *_: None).rows == 2
    assert erase(kept, ["q", "nobody"], lambda *_: None).rows == 1
    with kept.open(kept.files()[0]) as file:
        assert parquet.read_table(file)["value"].to_pylist() == [b"\xff\x00", None]


@pytest.mark.parametrize(
    "spelled",
    [
        b'"jos\xc3\xa9/1"',
        rb'"jos\u00e9/1"',
        rb'"jos\u00E9/1"',
        rb'"jos\u00e9\/1"',
        b'"jos\xc3\xa9\\/1"',
        rb'"JOS\u00E9/1"',
    ],
)
def test_a_broken_record_is_erased_however_its_writer_spelled_the_id(spelled: bytes) -> None:
    kept = Archive(f"memory://{uuid4()}")
    columns = [[0], [0], [None], [b'{"player_id": ' + spelled], ["not_json"]]
    path = ArchiveFile("chat", "2026-01-01", 0, 0, 1).path(kept.root.removeprefix("memory:/"))
    kept.replace(path, lambda sink: parquet.write_table(pa.table(columns, schema=schema("chat", 0)), sink))
    assert erase(kept, ["jos\u00e9/1"], lambda *_: None).rows == (b"JOS" not in spelled)


def test_what_a_writer_left_unfinished_is_erased_too(archive: Archive) -> None:
    """Nobody reads it, and it may name the player: an archive that is cut off goes on under another name."""
    finished = archive.files()

    def cut_off(sink: BinaryIO) -> None:
        sink.write(b"player q says")
        raise OSError(28, "No space left on device")

    with pytest.raises(FileError, match="No space left"):
        archive.replace(finished[0].replace("-", "-9"), cut_off)
    assert erase(archive, ["q"], lambda *_: None).rows == 2
    system, path = fsspec.core.url_to_fs(archive.root)
    assert sorted(system.find(path)) == finished


def test_players_of_a_file_are_erased_whatever_their_ids_hold(archive: Archive, tmp_path: Path) -> None:
    odd = ["first", "line\u2028end", "vertical\x0btab", " lead"]
    table = pa.table([[*range(4)], [0] * 4, odd, [b"{}"] * 4, [None] * 4], schema=schema("chat", 2))
    path = ArchiveFile("chat", "2026-01-01", 2, 0, 9).path(archive.root.removeprefix("memory:/"))
    archive.replace(path, lambda sink: parquet.write_table(table, sink))
    players = tmp_path / "players.txt"
    players.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(odd).encode() + b"\r\n")
    done = CliRunner().invoke(app, ["archive", "erase", archive.root, "--players", str(players)])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "4 records erased from 1 of 3 files" in done.output
