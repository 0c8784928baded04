"""A report's folder: what is left in it, who may work in it, and what is told where that is impossible."""

import contextlib
import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from stream.errors import ConfigError, FileError, TransportError
from stream.interrupts import Interrupted
from stream.replay import crew
from stream.replay.plan import Plan, load_plan
from stream.replay.run import Folder
from stream.settings import Settings
from tests.support.replays import a_request, record_history, replay_files


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return record_history(tmp_path_factory.mktemp("history"))


@pytest.mark.parametrize("name", ["recorded-0-of-1", "parts"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_folder_that_cannot_be_worked_in_is_told(
    history: tuple[Path, Path], tmp_path: Path, name: str, workers: int
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / name).touch()
    with pytest.raises(FileError, match=r"cannot work in .*File exists"):
        replay_files(tmp_path, a_request(*history), workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_recorded_verdicts_that_vanish_are_told(history: tuple[Path, Path], tmp_path: Path, workers: int) -> None:
    """As where another run into the same folder is done first."""

    def cut_off(*_: object) -> None:
        raise TransportError("cut off")

    request = a_request(*history)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "compare", cut_off)
        with pytest.raises(TransportError):
            replay_files(tmp_path, request)
    for path in (tmp_path / "work" / "recorded-0-of-1").glob("*.npy"):
        path.unlink()
    with pytest.raises(FileError, match=r"cannot work in .*No such file"):
        replay_files(tmp_path, request, workers=workers, resume=True)


@pytest.mark.parametrize(("resume", "said"), [(False, "holds an unfinished run"), (True, "different stretch")])
def test_the_first_plan_stands_where_two_runs_begin_at_once(
    history: tuple[Path, Path], tmp_path: Path, *, resume: bool, said: str
) -> None:
    """Parts of the one would be taken for the other's."""
    folder = Folder(tmp_path)
    first, second = a_request(*history), a_request(*history, stretch=500)
    asked = [request.asked(request.job(Settings()), {}) for request in (first, second)]

    def overtaken() -> Plan:
        folder.settle(asked[0], lambda: first.plan(first.job(Settings()), asked[0]), resume)
        return second.plan(second.job(Settings()), asked[1])

    with pytest.raises(ConfigError, match=said):
        folder.settle(asked[1], overtaken, resume)
    plan = load_plan(folder.plan)
    assert plan is not None
    assert plan.asked["stretch"] == 300
    assert [path.name for path in folder.work.iterdir()] == ["plan.json"]


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, history: tuple[Path, Path]
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("os.link", unsupported)
    folder = Folder(tmp_path)
    request = a_request(*history)
    asked = request.asked(request.job(Settings()), {})
    assert folder.settle(asked, lambda: request.plan(request.job(Settings()), asked), resume=False).asked == asked
    assert {path.name for path in folder.work.iterdir()} == {"plan.json"}


@pytest.mark.parametrize("reached", range(6))
def test_parts_are_never_left_without_their_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: int) -> None:
    """Wherever a removal is interrupted: the next run would take the parts for its own."""
    folder = Folder(tmp_path)
    paths = [folder.plan, folder.work / "recorded-0-of-1" / "sorted.rows"]
    paths += [folder.parts.path(number, "json") for number in range(3)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    removed: list[object] = []
    unlink = os.unlink

    def interrupted(path: Any, **how: Any) -> None:
        if len(removed) == reached:
            raise Interrupted(signal.SIGTERM)
        removed.append(path)
        unlink(path, **how)

    monkeypatch.setattr(os, "unlink", interrupted)
    with contextlib.suppress(Interrupted):
        folder.clear()
    left = [path for path in paths if path.exists()]
    assert len(left) == max(0, len(paths) - reached)
    assert not left or left[0] == folder.plan


def test_a_report_has_no_rows_of_the_one_before_it(history: tuple[Path, Path], tmp_path: Path) -> None:
    report = tmp_path / "report"
    rows = report / "rows"
    answer = replay_files(report, a_request(*history, rows=True))
    assert answer is not None
    assert len(list(rows.iterdir())) > 2
    Folder(report).clear()
    replay_files(report, a_request(*history, rows=True, text=False, stretch=1_500))
    assert parquet.read_table(rows).num_rows == answer["totals"]["events"]
    assert not any(parquet.read_table(rows)["text"].to_pylist())
    Folder(report).clear()
    replay_files(report, a_request(*history))
    assert not list(rows.iterdir())
