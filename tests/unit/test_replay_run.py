"""A replay of files from request to report: depths agree, shares and interruptions leave no trace."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from stream.errors import ConfigError, FileError, TransportError
from stream.replay import work
from stream.replay.finish import check_compared, merged, summary, write_report
from stream.replay.history.files import FileReader
from stream.replay.history.stretch import RawBatch, Stretch
from stream.replay.limits import Limits
from stream.replay.report.page import render
from stream.replay.request import Request
from stream.replay.run import Shard
from stream.settings import Settings
from tests.support.replays import a_request, in_short, record_history, replay_files, report_bytes


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return record_history(tmp_path_factory.mktemp("history"))


def test_all_depths_give_the_same_answer(history: tuple[Path, Path], tmp_path: Path) -> None:
    answers = [
        replay_files(tmp_path / depth, a_request(*history, depth=depth)) for depth in ("redecide", "rescore", "full")
    ]
    first = answers[0]
    assert first is not None
    assert first["totals"]["flips"] > 300
    assert first["totals"]["dead_letters"]["not_json"] > 0
    for answer in answers[1:]:
        assert answer is not None
        for part in ("totals", "actions", "flips", "players", "sweeps"):
            assert answer[part] == first[part]


def test_nothing_compared_is_no_answer(history: tuple[Path, Path], tmp_path: Path) -> None:
    events, verdicts = history
    answer = replay_files(tmp_path / "whole", a_request(events, verdicts))
    assert answer is not None
    check_compared(answer)
    mistaken = replay_files(tmp_path / "events", a_request(events, events))
    assert mistaken is not None
    with pytest.raises(ConfigError, match="no recorded verdict is about any of them"):
        check_compared(mistaken)
    nothing = tmp_path / "nothing.jsonl"
    nothing.touch()
    unrecorded = replay_files(tmp_path / "unrecorded", a_request(events, nothing))
    assert unrecorded is not None
    with pytest.raises(ConfigError, match="no recorded verdict is about any of them"):
        check_compared(unrecorded)
    unlabelled = replay_files(tmp_path / "labels", a_request(events, verdicts, baseline="labels:nothing"))
    assert unlabelled is not None
    with pytest.raises(ConfigError, match="no event has the label 'nothing'"):
        check_compared(unlabelled)
    labelled = replay_files(tmp_path / "neither", a_request(events, events, baseline="labels:label"))
    assert labelled is not None
    with pytest.raises(ConfigError, match="no recorded verdict is about any of them"):
        check_compared(labelled)


def test_a_file_without_an_event_is_no_answer(tmp_path: Path) -> None:
    """Another file by mistake must not meet every limit."""
    mistaken = tmp_path / "own.csv.jsonl"
    mistaken.write_bytes(b"text,label\ngg,ok\n")
    answer = replay_files(tmp_path / "report", a_request(mistaken, mistaken))
    assert answer is not None
    with pytest.raises(ConfigError, match=r"of 2 records 2 are not events \(not_json 2\)"):
        check_compared(answer)
    assert "of 2 records 2 are not events (not_json 2)" in summary(answer)


def test_an_empty_history_and_a_span_from_back_to_front_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    with pytest.raises(ConfigError, match="the files are empty"):
        replay_files(tmp_path / "report", a_request(empty, empty))
    settings = Settings()
    request = Request(topic="chat.events", since="2026-01-02T00:00:00Z", until="2026-01-01T00:00:00Z")
    with pytest.raises(ConfigError, match="--from 2026-01-02T00:00:00Z is not before --to"):
        request.plan(request.job(settings), {})


def test_the_recorded_policy_again_flips_nothing(history: tuple[Path, Path], tmp_path: Path) -> None:
    against = replay_files(tmp_path / "report", a_request(*history, baseline="policy:lenient"))
    recorded = replay_files(tmp_path / "other", a_request(*history))
    assert against is not None
    assert recorded is not None
    assert against["actions"] == recorded["actions"]  # so the lenient policy over the scores is what was recorded


def test_rescoring_needs_no_recorded_verdicts(history: tuple[Path, Path], tmp_path: Path) -> None:
    answer = replay_files(tmp_path, a_request(history[0], None, depth="rescore", baseline="bundle:other"))
    assert answer is not None
    assert answer["totals"]["flips"] == 0
    assert answer["totals"]["compared"] > 1_900


def test_verdicts_alone_are_history_too(history: tuple[Path, Path], tmp_path: Path) -> None:
    joined = replay_files(tmp_path / "joined", a_request(*history))
    alone = replay_files(tmp_path / "alone", a_request(history[1], None))
    assert joined is not None
    assert alone is not None
    assert alone["actions"] == joined["actions"]
    assert alone["players"] == joined["players"]
    assert [row["name"] for row in alone["flips"]["by_language"]] == ["(not known)"]


def test_what_is_no_record_does_not_hide_that_history_is_verdicts(history: tuple[Path, Path], tmp_path: Path) -> None:
    """Neither an empty file before them nor a dead letter among them."""
    (tmp_path / "a.jsonl").touch()
    (tmp_path / "b.jsonl").write_bytes(b"{broken\n[]\n" + history[1].read_bytes())
    alone = replay_files(tmp_path / "alone", a_request(history[1], None))
    answer = replay_files(tmp_path / "report", a_request(tmp_path / "?.jsonl", None))
    assert alone is not None
    assert answer is not None
    assert answer["actions"] == alone["actions"]
    assert answer["totals"]["dead_letters"] == {"no_verdict": 2}


def test_what_history_is_is_known_by_its_beginning(history: tuple[Path, Path], tmp_path: Path) -> None:
    """A packed file has to be read through for its length; once is enough, when the plan is made."""
    packed = tmp_path / "verdicts.jsonl.gz"
    packed.write_bytes(gzip.compress(history[1].read_bytes())[:-100])
    request = a_request(packed, None)
    job = request.job(Settings())
    assert job.verdicts_alone
    with pytest.raises(FileError, match=r"cannot read .*verdicts.jsonl.gz"):
        request.plan(job, {})


def test_labels_that_no_event_has_are_told(history: tuple[Path, Path], tmp_path: Path) -> None:
    answer = replay_files(tmp_path, a_request(*history, labels="nothing"))
    assert answer is not None
    assert answer["quality"] is None
    assert "labels: no event has one" in summary(answer)
    assert "No event has a label" in render(json.loads((tmp_path / "report.json").read_bytes()))


def test_labels_say_how_good_both_sides_are(history: tuple[Path, Path], tmp_path: Path) -> None:
    answer = replay_files(tmp_path, a_request(*history, labels="label"))
    assert answer is not None
    quality = answer["quality"]
    assert quality["candidate"]["recall"] > quality["baseline"]["recall"]
    rows = parquet.read_table(tmp_path / "flips.parquet")
    assert set(rows["label"].to_pylist()) <= {"insult", "non_toxic"}


def test_labels_that_name_no_category_are_listed(history: tuple[Path, Path], tmp_path: Path) -> None:
    lines = history[0].read_bytes().split(b"\n")
    misspelt = [line.replace(b'"insult"', b'"insutl"') if place < 200 else line for place, line in enumerate(lines)]
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"\n".join(misspelt))
    answer = replay_files(tmp_path / "report", a_request(events, None, depth="rescore", baseline="labels:label"))
    assert answer is not None
    count = sum(b'"insutl"' in line for line in misspelt)
    assert answer["quality"]["labels_of_no_category"] == {"insutl": count}
    assert f"labels that name no category of the candidate: insutl ({count})" in summary(answer)


def test_a_figure_that_is_undefined_is_no_number(history: tuple[Path, Path], tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(history[0].read_bytes().replace(b'"insult"', b'"non_toxic"'))
    answer = replay_files(tmp_path / "report", a_request(events, None, depth="rescore", baseline="labels:label"))
    assert answer is not None
    assert answer["quality"]["candidate"]["auc"] is None
    assert "baseline: precision –, recall –, F1 –, AUC –" in summary(answer)


def test_labels_as_the_baseline(history: tuple[Path, Path], tmp_path: Path) -> None:
    answer = replay_files(tmp_path, a_request(*history, baseline="labels:label"))
    assert answer is not None
    assert answer["quality"]["baseline"]["f1"] == 1.0
    assert answer["totals"]["flips"] > 0


def test_processes_and_shards_leave_no_trace(history: tuple[Path, Path], tmp_path: Path) -> None:
    request = a_request(*history)
    replay_files(tmp_path / "one", request)
    replay_files(tmp_path / "two", request, workers=2)
    for number in range(3):
        replay_files(tmp_path / f"shard{number}", request, shard=Shard(number, 3))
    plan, where = merged([tmp_path / f"shard{number}" for number in range(3)])
    write_report(plan, where, Limits(), tmp_path / "merged", in_short)
    expected = report_bytes(tmp_path / "one")
    assert report_bytes(tmp_path / "two") == expected
    assert report_bytes(tmp_path / "merged") == expected


def test_a_missing_shard_is_named(history: tuple[Path, Path], tmp_path: Path) -> None:
    replay_files(tmp_path / "shard0", a_request(*history), shard=Shard(0, 2))
    with pytest.raises(ConfigError, match="parts are missing"):
        merged([tmp_path / "shard0"])


class _Broken:
    """Reads files until its patience ends."""

    left = 0

    def read(self, stretch: Stretch) -> Iterator[RawBatch]:
        if not _Broken.left:
            raise TransportError("cut off")
        _Broken.left -= 1
        yield from _REAL().read(stretch)

    def close(self) -> None:
        pass


_REAL = FileReader


@pytest.mark.parametrize("reads", [0, 2, 5])
def test_cut_off_and_resumed_the_report_is_the_same(
    history: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    request = a_request(*history)
    replay_files(tmp_path / "whole", request)
    _Broken.left = reads
    with monkeypatch.context() as patch:
        patch.setattr(work, "FileReader", _Broken)
        with pytest.raises(TransportError):
            replay_files(tmp_path / "cut", request)
    with pytest.raises(ConfigError, match="--resume"):
        replay_files(tmp_path / "cut", request)
    with pytest.raises(ConfigError, match="different labels"):
        replay_files(tmp_path / "cut", a_request(*history, labels="label"), resume=True)
    replay_files(tmp_path / "cut", request, resume=True)
    assert report_bytes(tmp_path / "cut") == report_bytes(tmp_path / "whole")


def test_another_versions_unfinished_work_is_refused(history: tuple[Path, Path], tmp_path: Path) -> None:
    replay_files(tmp_path / "report", a_request(*history), shard=Shard(0, 2))
    plan = tmp_path / "report" / "work" / "plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "format": 1}))
    with pytest.raises(ConfigError, match="a plan of another version"):
        replay_files(tmp_path / "report", a_request(*history), shard=Shard(1, 2))


def test_texts_and_rows_are_kept_as_asked(history: tuple[Path, Path], tmp_path: Path) -> None:
    answer = replay_files(tmp_path / "quiet", a_request(*history, text=False, rows=True))
    assert answer is not None
    assert not any(parquet.read_table(tmp_path / "quiet" / "flips.parquet")["text"].to_pylist())
    rows = parquet.read_table(tmp_path / "quiet" / "rows")
    assert rows.num_rows == answer["totals"]["events"]
    replay_files(tmp_path / "loud", a_request(*history))
    assert all(parquet.read_table(tmp_path / "loud" / "flips.parquet")["text"].to_pylist())
    assert "rows" not in {path.name for path in (tmp_path / "loud").iterdir()}


def test_limits_are_in_the_report(history: tuple[Path, Path], tmp_path: Path) -> None:
    replay_files(tmp_path, a_request(*history), limits=Limits(max_newly_blocked_players=0))
    (limit,) = json.loads((tmp_path / "report.json").read_bytes())["limits"]
    assert limit["name"] == "max_newly_blocked_players"
    assert not limit["met"]
