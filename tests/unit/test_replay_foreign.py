"""Recorded verdicts of another model: what they name and the candidate lacks is counted, and ends nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from model.policy_columns import GRID
from schemas.codec import MatchSpan, RecordOrigin
from stream.errors import ConfigError
from stream.records import Chunk, Outgoing, Record
from stream.replay.archive.layout import ArchiveFile, schema
from stream.replay.archive.write import event_row, verdict_row
from stream.replay.finish import check_compared, summary
from stream.replay.history.recorded import Fact, Recorded
from stream.replay.judging.foreign import foreign
from stream.replay.report.page import render
from stream.replay.request import Request
from tests.support.chatlog import lines
from tests.support.replays import LENIENT, a_policy_judge, a_request, record_history, replay_files
from tests.unit.test_replay_written import a_verdict

EVERY = 10


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return record_history(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def mixed(history: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """Return verdicts of which every tenth scores another category, the same without those, and how many they are."""
    folder = tmp_path_factory.mktemp("mixed")
    written = history[1].read_bytes().splitlines()
    mixed = [in_other_words(line) if place % EVERY == 0 else line for place, line in enumerate(written)]
    both, ours = folder / "both.jsonl", folder / "ours.jsonl"
    both.write_bytes(b"\n".join(mixed))
    ours.write_bytes(b"\n".join(line for place, line in enumerate(written) if place % EVERY))
    return both, ours, sum(b"alien" in line for line in mixed)


def in_other_words(verdict: bytes) -> bytes:
    """Say of a verdict what a model with other categories would have said."""
    return verdict.replace(b'"insult"', b'"alien"')


def answered(report: Path, request: Request) -> dict[str, Any]:
    answer = replay_files(report, request)
    assert answer is not None
    return answer


def replay_archive(folder: Path) -> tuple[dict[str, Any], int]:
    """Redecide an archive of events and of verdicts that name their origins; return also how many are foreign."""
    raw = list(lines(600))
    judged = a_policy_judge(LENIENT)(Chunk([Record(line, place, "chat") for place, line in enumerate(raw)])).results
    verdicts = [each.verdict for each in judged if isinstance(each, Outgoing)]
    verdicts = [in_other_words(each) if place % EVERY == 0 else each for place, each in enumerate(verdicts)]
    for topic, values, row in (("chat", raw, event_row), ("verdicts", verdicts, verdict_row)):
        columns = zip(*[row(place, 0, value) for place, value in enumerate(values)], strict=True)
        path = Path(ArchiveFile(topic, "2026-01-01", 0, 0, len(values)).path(str(folder)))
        path.parent.mkdir(parents=True)
        parquet.write_table(pa.table([list(column) for column in columns], schema=schema(topic, 0)), path)
    asked = a_request(folder / "topic=chat", folder / "topic=verdicts")
    return answered(folder / "report", asked), sum(b"alien" in each for each in verdicts)


@pytest.mark.parametrize("baseline", ["recorded", "policy:lenient", "labels:label"])
def test_they_are_left_out_of_a_redecision_and_named(
    history: tuple[Path, Path], mixed: tuple[Path, Path, int], tmp_path: Path, baseline: str
) -> None:
    both, ours, count = mixed
    answer = answered(tmp_path / "both", a_request(history[0], both, baseline=baseline))
    without = answered(tmp_path / "ours", a_request(history[0], ours, baseline=baseline))
    assert count > 100
    assert answer["totals"]["recorded_of_no_category"] == {"alien": count}
    assert answer["totals"]["left_out"] == count
    for part in ("actions", "flips", "players"):
        assert answer[part] == without[part]
    assert answer["totals"]["compared"] == without["totals"]["compared"] > 1_700
    assert without["totals"]["recorded_of_no_category"] == {}
    assert without["totals"]["left_out"] == 0


def test_they_are_left_out_where_verdicts_are_history_alone(mixed: tuple[Path, Path, int], tmp_path: Path) -> None:
    both, ours, count = mixed
    answer = answered(tmp_path / "both", a_request(both, None))
    assert answer["totals"]["recorded_of_no_category"] == {"alien": count}
    assert answer["totals"]["left_out"] == count
    assert answer["actions"] == answered(tmp_path / "ours", a_request(ours, None))["actions"]


def test_they_are_left_out_of_an_archive(tmp_path: Path) -> None:
    answer, count = replay_archive(tmp_path)
    assert answer["totals"]["recorded_of_no_category"] == {"alien": count}
    assert answer["totals"]["left_out"] == count > 30
    assert answer["totals"]["compared"] == answer["totals"]["events"] - count > 400


@pytest.mark.parametrize("depth", ["rescore", "full"])
def test_they_are_compared_and_named_where_texts_are_scored_again(
    history: tuple[Path, Path], mixed: tuple[Path, Path, int], tmp_path: Path, depth: str
) -> None:
    both, _, count = mixed
    answer = answered(tmp_path / "both", a_request(history[0], both, depth=depth))
    usual = answered(tmp_path / "usual", a_request(*history, depth=depth))
    assert answer["totals"]["recorded_of_no_category"] == {"alien": count}
    assert answer["totals"]["left_out"] == 0
    assert answer["actions"] == usual["actions"]
    assert usual["totals"]["recorded_of_no_category"] == {}


def test_processes_count_them_alike(history: tuple[Path, Path], mixed: tuple[Path, Path, int], tmp_path: Path) -> None:
    request = a_request(history[0], mixed[0])
    for workers in (1, 2):
        replay_files(tmp_path / str(workers), request, workers=workers)
    one, two = ((tmp_path / name / "report.json").read_bytes() for name in "12")
    assert one == two
    assert json.loads(one)["totals"]["left_out"] == mixed[2]


def test_the_page_and_the_summary_name_them(
    history: tuple[Path, Path], mixed: tuple[Path, Path, int], tmp_path: Path
) -> None:
    both, _, count = mixed
    answer = answered(tmp_path, a_request(history[0], both))
    named = "ecorded verdicts name categories that the candidate lacks: "
    assert f"{named}alien ({count}); {count} of them left out" in summary(answer)
    assert f"{named}<b>alien</b> ({count})" in render(answer)


def test_a_history_of_nothing_else_is_no_answer_and_says_why(history: tuple[Path, Path], tmp_path: Path) -> None:
    foreign_only = tmp_path / "verdicts.jsonl"
    foreign_only.write_bytes(in_other_words(history[1].read_bytes()))
    answer = answered(tmp_path / "report", a_request(history[0], foreign_only))
    with pytest.raises(ConfigError, match=r"lacks: alien \([\d,]+\); give --model with the bundle that has them"):
        check_compared(answer)


def test_named_is_what_was_decided_on_or_has_a_score_above_zero() -> None:
    facts = [Fact("flag", category, 2, "classifier", "s", "p", ()) for category in ("insult", "alien")]
    scores = np.array([[0, GRID, 0], [1, GRID, 0], [0, GRID, 5]], np.uint16)
    recorded = Recorded(
        facts,
        np.array([0, 0, 0, 1, -1]),
        ("odd", "insult", "stray"),
        scores,
        np.ones(3, np.bool_),
        np.array([0, 1, 2, 0, -1]),
    )
    found = foreign(recorded, ("non_toxic", "insult"))
    assert found.naming.tolist() == [False, True, True, True, False]
    assert found.names == {"odd": 1, "stray": 1, "alien": 1}
    assert not foreign(recorded, ("odd", "insult", "stray", "alien")).names


def test_a_verdict_by_a_rule_with_another_category_is_left_out(tmp_path: Path) -> None:
    by_rule = {"matches": (MatchSpan(0, 4, "gone"),), "resolved_by": "rule", "action": "block", "scores": {}}
    values = [
        a_verdict(category=category, origin=RecordOrigin("t", 0, 0), **by_rule) for category in ("insult", "alien")
    ]
    path = tmp_path / "verdicts.jsonl"
    path.write_bytes(b"\n".join(values))
    answer = answered(tmp_path / "report", a_request(path, None))
    assert answer["totals"]["left_out"] == 1
    assert answer["actions"]["block"]["block"] == answer["totals"]["compared"] == 1
