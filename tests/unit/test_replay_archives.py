"""Backtests of archives: several at once, and one that two writers wrote to."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from stream.errors import ConfigError
from stream.records import Chunk, Outgoing, Record
from stream.replay.archive.layout import ArchiveFile, schema
from stream.replay.archive.write import Row, event_row, verdict_row
from stream.replay.plan import check_apart, origins_of_files
from stream.replay.request import Request
from tests.support.judges import an_event
from tests.support.replays import LENIENT, a_policy_judge, replay_files


def _write(root: Path, topic: str, rows: Sequence[Row], start: int = 0) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    path = Path(ArchiveFile(topic, "2026-01-01", 0, start, start + len(rows)).path(str(root)))
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns, schema=schema(topic, 0)), path)


def archived(root: Path, texts: Sequence[str]) -> dict[str, str]:
    """Archive events and, as the lenient policy decided, verdicts; return the actions by event id."""
    events = [an_event(text, f"{root.name}-{place}") for place, text in enumerate(texts)]
    _write(root, "chat", [event_row(offset, 0, event) for offset, event in enumerate(events)])
    judged = a_policy_judge(LENIENT)(Chunk([Record(event, place, "chat") for place, event in enumerate(events)]))
    verdicts = [result.verdict for result in judged.results if isinstance(result, Outgoing)]
    _write(root, "verdicts", [verdict_row(offset, 0, verdict) for offset, verdict in enumerate(verdicts)])
    said = [json.loads(verdict) for verdict in verdicts]
    return {verdict["event_id"]: verdict["action"] for verdict in said}


def test_verdicts_of_several_clusters_are_not_mixed_up(tmp_path: Path) -> None:
    """Their topics have the same name and the same offsets."""
    decided = archived(tmp_path / "eu", ["rotten", "gg"]) | archived(tmp_path / "us", ["gg", "rotten", "hi"])
    assert sorted(decided.values()) == ["allow", "allow", "allow", "flag", "flag"]
    request = Request(
        files=tuple(f"{tmp_path}/{cluster}/topic=chat" for cluster in ("eu", "us")),
        verdicts=tuple(f"{tmp_path}/{cluster}/topic=verdicts" for cluster in ("eu", "us")),
        depth="redecide",
        rows=True,
    )
    replay_files(tmp_path / "report", request)
    rows = parquet.read_table(tmp_path / "report" / "rows")
    found = dict(zip(rows["event_id"].to_pylist(), rows["baseline_action"].to_pylist(), strict=True))
    assert found == decided


def test_events_of_one_archive_are_known_by_their_offsets(tmp_path: Path) -> None:
    paths = [ArchiveFile("chat", day, 0, *span).path("a") for day, span in (("1", (0, 5)), ("2", (5, 9)))]
    origin = origins_of_files(paths)
    assert origin is not None
    assert origin.spans == {0: (0, 9)}
    assert origins_of_files([*paths, ArchiveFile("chat", "3", 0, 9, 12).path("b")]) is None
    assert origins_of_files([*paths, "a/events.parquet"]) is None


def test_records_that_an_archive_holds_twice_are_refused(tmp_path: Path) -> None:
    """As where a second run began while the first was at work, and found a later end of the topic."""
    archived(tmp_path, ["gg", "rotten", "hi"])
    _write(tmp_path, "chat", [event_row(offset, 0, an_event()) for offset in (0, 1)])
    request = Request(files=(f"{tmp_path}/topic=chat",), verdicts=(f"{tmp_path}/topic=verdicts",), depth="redecide")
    with pytest.raises(ConfigError, match=r"0-0*2.parquet and .*0-0*3.parquet hold the same records; remove"):
        replay_files(tmp_path / "report", request)


def test_files_side_by_side_are_not_taken_for_the_same() -> None:
    places = [("a", "chat", 0, 0, 9), ("a", "chat", 0, 9, 12), ("a", "chat", 1, 3, 9), ("a", "other", 0, 3, 9)]
    places += [("b", "chat", 0, 3, 9)]
    paths = [ArchiveFile(topic, "1", partition, start, end).path(root) for root, topic, partition, start, end in places]
    check_apart([*paths, "a/events.jsonl", "a/events.jsonl"])
    within = ArchiveFile("chat", "1", 0, 4, 5).path("a")
    with pytest.raises(ConfigError, match="hold the same records"):
        check_apart([*paths, within])
    with pytest.raises(ConfigError, match=r"copy\.parquet is not named as"):
        check_apart([*paths, f"{paths[0].rsplit('/', 1)[0]}/copy.parquet"])
