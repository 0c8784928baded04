"""A run goes on only with the files that it began with."""

import hashlib
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from typer.testing import CliRunner

from stream.cli import app
from stream.errors import ConfigError, FileError
from stream.replay.finish import merged, write_report
from stream.replay.history.states import FileState, difference, states_of
from stream.replay.limits import Limits
from stream.replay.plan import Plan, agree
from stream.replay.request import Request
from stream.replay.run import Shard
from stream.settings import Settings
from tests.support.replays import a_request, in_short, record_history, replay_files, report_bytes


@pytest.fixture
def history(tmp_path: Path) -> tuple[Path, Path]:
    return record_history(tmp_path, 1_200)


def _appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"event_id": "late"}\n')


def _rewritten(path: Path) -> None:
    """Other content, as long as before."""
    at = path.stat()
    path.write_bytes(path.read_bytes().replace(b"noob", b"nice"))
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns + 1_000_000))


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (_appended, r"\d+ bytes instead of \d+"),
    (_rewritten, r"written 20.* instead of 20"),
    (Path.unlink, r"it is gone"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
@pytest.mark.parametrize("which", ["events", "verdicts", "recorded"])
def test_a_file_that_has_changed_is_named(
    history: tuple[Path, Path], tmp_path: Path, change: Callable[[Path], None], said: str, which: str
) -> None:
    events, verdicts = history
    shutil.copy(events, tmp_path / "events-2.jsonl")
    shutil.copy(verdicts, tmp_path / "verdicts-2.jsonl")
    request = a_request(tmp_path / "events*.jsonl", tmp_path / "verdicts*.jsonl")
    if which == "recorded":
        request = a_request(tmp_path / "events*.jsonl", None, baseline=f"recorded:{tmp_path}/verdicts*.jsonl")
    changed = tmp_path / ("events-2.jsonl" if which == "events" else "verdicts-2.jsonl")
    kept = tmp_path / "kept"
    shutil.copy2(changed, kept)
    replay_files(tmp_path / "report", request, shard=Shard(0, 2))
    change(changed)
    with pytest.raises(ConfigError, match=rf"a file has changed: {changed} \({said}.*put it back.*--report") as refused:
        replay_files(tmp_path / "report", request, shard=Shard(1, 2), resume=True)
    assert "\n" not in str(refused.value)
    shutil.copy2(kept, changed)
    assert replay_files(tmp_path / "report", request, resume=True) is not None


def test_a_file_that_came_later_is_none_of_the_runs(history: tuple[Path, Path], tmp_path: Path) -> None:
    """An archive grows every day; what was begun on it is finished as it was planned."""
    request = a_request(tmp_path / "events*.jsonl", history[1])
    replay_files(tmp_path / "whole", request)
    replay_files(tmp_path / "report", request, shard=Shard(0, 2))
    shutil.copy(history[0], tmp_path / "events-2.jsonl")
    replay_files(tmp_path / "report", request, resume=True)
    assert report_bytes(tmp_path / "report") == report_bytes(tmp_path / "whole")


def test_shards_may_read_copies_but_not_other_files(history: tuple[Path, Path], tmp_path: Path) -> None:
    request = a_request(tmp_path / "events*.jsonl", history[1])
    replay_files(tmp_path / "one", request, shard=Shard(0, 2))
    os.utime(history[0], (0, 0))
    replay_files(tmp_path / "two", request, shard=Shard(1, 2))
    plan, where = merged([tmp_path / "one", tmp_path / "two"])
    write_report(plan, where, Limits(), tmp_path / "merged", in_short)
    replay_files(tmp_path / "whole", request)
    assert report_bytes(tmp_path / "merged") == report_bytes(tmp_path / "whole")
    shutil.copy(history[0], tmp_path / "events-2.jsonl")
    replay_files(tmp_path / "three", request, shard=Shard(1, 2))
    for first, second in (("one", "three"), ("three", "one")):
        with pytest.raises(
            ConfigError, match=rf"{second} is of other files than .*{first}: .*events-2.jsonl \(it is gone"
        ):
            merged([tmp_path / first, tmp_path / second])


def test_a_policy_that_has_changed_is_named(history: tuple[Path, Path], tmp_path: Path) -> None:
    candidate, baseline = tmp_path / "candidate.toml", tmp_path / "baseline.toml"
    for path in (candidate, baseline):
        path.write_text('name = "strict"\n[thresholds.insult]\nflag = 0.05\n')
    asked = ["backtest", "--input", history[0], "--verdicts", history[1], "--report", tmp_path / "report"]
    asked += ["--policy", candidate, "--baseline", f"policy:{baseline}", "--workers", "1"]
    shard = list(map(str, [*asked, "--shard", "0/2"]))
    assert CliRunner().invoke(app, shard).exit_code == 0
    baseline.write_text('name = "strict"\n[thresholds.insult]\nflag = 0.06\n')
    done = CliRunner().invoke(app, list(map(str, [*asked, "--resume"])))
    assert isinstance(done.exception, ConfigError)
    assert "a run with different contents of baseline; resume with the same" in str(done.exception)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"policy": {"packs": {"tanks": "own"}}}, "policy.packs"),
        ({"pipeline": {"gate_keeps": 0.9}}, "pipeline.gate_keeps"),
        ({"topics": {"verdicts": "other"}}, "topics.verdicts"),
    ],
)
def test_a_setting_that_decides_and_has_changed_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """No digest tells which pack is for which game, unless it has thresholds, or what the gate lets past."""
    request = Request(topic="chat.events", until="2026-01-01T00:00:00Z")
    before, now = Settings.model_validate({"policy": {"packs": {"arena": "own"}}}), Settings.model_validate(changes)
    if "policy" not in changes:
        now = now.model_copy(update={"policy": before.policy})
    asked, asks = (request.asked(request.job(settings), {}) for settings in (before, now))
    plan = Plan(asked, {}, [], [])
    agree(plan, asked, tmp_path)
    with pytest.raises(ConfigError, match=f"a run with different {said}; resume with the same"):
        agree(plan, asks, tmp_path)


@pytest.mark.parametrize(
    "damaged",
    ["parts/000000.json", "parts/000000.flips.arrow", "recorded-0-of-1/*.json", "recorded-0-of-1/*.npy"],
)
def test_work_that_is_damaged_is_told(history: tuple[Path, Path], tmp_path: Path, damaged: str) -> None:
    """As where the machine went down and a file's name had reached the disk before what is in it."""
    replay_files(tmp_path / "report", a_request(*history))
    (tmp_path / "report" / "work" / "parts" / "000001.json").unlink()
    for path in (tmp_path / "report" / "work").glob(damaged):
        os.truncate(path, 0)
    with pytest.raises(FileError, match=r"report/work/.* is damaged.*; start over in another --report folder"):
        replay_files(tmp_path / "report", a_request(*history), resume=True)


class TaggedStore(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A store as clouds have them: it names contents, and every upload has a new time."""

    protocol = "tagged"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("tagged://", "memory://")))

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        about: dict[str, Any] = super().info(path, **kwargs)
        digest = hashlib.md5(self.cat_file(path), usedforsecurity=False).hexdigest()
        return {**about, "ETag": f'"{digest}"'}


def test_a_store_that_names_contents_is_asked_for_the_name() -> None:
    fsspec.register_implementation("tagged", TaggedStore, clobber=True)
    url = "tagged://states/events.jsonl"
    store, path = fsspec.core.url_to_fs(url)
    store.pipe(path, b"gg")
    before = states_of([url])
    assert before == {url: FileState(2, "73c18c59a39b18382081ec00bb456d43")}
    store.pipe(path, b"gg")
    assert states_of([url]) == before
    store.pipe(path, b"gl")
    assert difference(before, states_of([url])) == (
        f"{url} (ETag ce1d5a2480e0f4a2d1c1c7968cc66c13 instead of 73c18c59a39b18382081ec00bb456d43)"
    )
    store.rm(path)
    assert difference(before, states_of([url])) == f"{url} (it is gone)"


def test_a_file_system_that_knows_no_times_tells_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> datetime:
        raise NotImplementedError

    url = "memory://states/untimed.jsonl"
    store, path = fsspec.core.url_to_fs(url)
    store.pipe(path, b"gg")
    assert datetime.fromisoformat(states_of([url])[url].modified) <= datetime.now(UTC)
    monkeypatch.setattr(MemoryFileSystem, "modified", unknown)
    assert states_of([url]) == {url: FileState(2)}
    store.rm(path)
