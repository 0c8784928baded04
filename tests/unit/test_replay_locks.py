"""Who may work in a report's folder at once, and what happens on file systems that have no locks."""

import errno
import fcntl
import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pyarrow as pa
import pytest
from pyarrow import parquet

from stream.errors import ConfigError, FileError
from stream.replay.archive.layout import ArchiveFile, schema
from stream.replay.archive.write import event_row, verdict_row
from stream.replay.crew import Crew, Task
from stream.replay.history.stretch import Stretch
from stream.replay.history.tables import ByEventId, ByOrigin, Span
from stream.replay.request import Request
from stream.replay.run import Console, Folder, Shard, replay
from stream.replay.work import Done
from stream.settings import Settings
from tests.support.replays import cast_words, record_history


def a_console() -> Console:
    return Console(io.StringIO(), lambda: 0.0)


def refusing(error: int) -> object:
    def flock(_: object, __: int) -> None:
        raise OSError(error, "refused")

    return flock


def nfs_flock(file: IO[bytes], _: int) -> None:
    """Refuse as NFS does, where a lock is one for writing."""
    if not file.writable():
        raise OSError(errno.EBADF, "Bad file descriptor")


def test_a_share_is_done_by_one_run_at_a_time(tmp_path: Path) -> None:
    folder, console = Folder(tmp_path), a_console()
    folder.work.mkdir()
    with (
        folder.alone(Shard(), console),
        folder.alone(Shard(1, 2), console),
        pytest.raises(ConfigError, match="another run is at work"),
    ):
        folder.alone(Shard(), console).__enter__()
    with folder.alone(Shard(), console):
        folder.clear()
    with pytest.raises(FileError, match=r"cannot work in .*No such file"), folder.alone(Shard(), console):
        pass
    assert isinstance(console.output, io.StringIO)
    assert not console.output.getvalue()


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_locks_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(error))
    folder, output = Folder(tmp_path), io.StringIO()
    folder.work.mkdir()
    with folder.alone(Shard(), Console(output, lambda: 0.0)):
        (said,) = output.getvalue().splitlines()
    assert said.startswith(f"{tmp_path}: its file system has no locks")
    assert "choose a --report folder on another disk" in said


def test_what_is_wrong_otherwise_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(errno.EIO))
    folder = Folder(tmp_path)
    folder.work.mkdir()
    with pytest.raises(FileError, match=r"cannot work in .*refused"), folder.alone(Shard(), a_console()):
        pass


def test_tables_say_whether_processes_may_share_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = ByOrigin(tmp_path / "t", "t", {0: Span(0, 4)})
    table.prepare()
    assert table.shareable()
    monkeypatch.setattr(fcntl, "flock", nfs_flock)
    assert table.shareable()
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    assert not table.shareable()
    assert ByOrigin(tmp_path / "empty", "t", {}).shareable()
    assert ByEventId(tmp_path).shareable()


class Counted(Crew):
    """Notes how many processes each task was for."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.shares: list[int] = []

    def do(self, task: Task, shares: Sequence[Sequence[Stretch]], done: Done) -> float:
        self.shares.append(sum(map(bool, shares)))
        return super().do(task, shares, done)


def an_archive(root: Path) -> Request:
    """Write events and verdicts as an archive of two partitions each; ask for a redecision of it."""
    for topic, path, as_row in zip(
        ("chat", "verdicts"), record_history(root, 400), (event_row, verdict_row), strict=True
    ):
        values = path.read_bytes().splitlines()
        for partition in range(2):
            rows = [as_row(offset, 0, value) for offset, value in enumerate(values[partition::2])]
            table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=schema(topic, partition))
            file = Path(ArchiveFile(topic, "2026-01-01", partition, 0, len(rows)).path(str(root)))
            file.parent.mkdir(parents=True)
            parquet.write_table(table, file)
    return Request(files=(f"{root}/topic=chat",), verdicts=(f"{root}/topic=verdicts",), depth="redecide")


@pytest.mark.parametrize(
    ("flock", "processes"), [(fcntl.flock, 2), (refusing(errno.ENOLCK), 1)], ids=["locks", "no locks"]
)
def test_without_locks_one_process_notes_the_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flock: object, processes: int
) -> None:
    request = an_archive(tmp_path)
    job = request.job(Settings())
    folder = Folder(tmp_path / "report")
    plan = folder.settle({}, lambda: request.plan(job, {}), resume=False)
    assert plan.origin is not None
    monkeypatch.setattr(fcntl, "flock", flock)
    with Counted(2) as crew:
        replay(job, plan, folder, Shard(), crew, cast_words, a_console())
    assert crew.shares == [processes, 2]
