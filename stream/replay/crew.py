"""Shares of a job in parallel processes; no two of them write the same files."""

import gc
import multiprocessing
import os
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, Final, Self

from stream.errors import ChatwardenError
from stream.replay.ahead import CONTEXT
from stream.replay.history.stretch import Stretch
from stream.replay.reuse import keep_freed_memory
from stream.replay.work import Cast, Desk, Done, compare, keep_verdicts

Task = Callable[[Sequence[Stretch], Done], None]
"""Processes stretches one after the other.  Passed to processes, so it must be picklable."""

_WATCH_S: Final = 1.0


class WorkerEnded(ChatwardenError):
    """A process ended in the middle of its share."""


@dataclass(frozen=True, slots=True)
class _Report:
    """A process's report: a stretch is done, it failed, or (neither) its share is finished, using ``cpu_s``."""

    stretch: Stretch | None = None
    events: int = 0
    failure: ChatwardenError | None = None
    cpu_s: float = 0.0


def verdict_task(desk: Desk) -> Task:
    """Return the task of keeping recorded verdicts."""
    return partial(keep_verdicts, desk)


def compare_task(desk: Desk, cast: Cast) -> Task:
    """Return the task of comparing."""
    return partial(compare, desk, cast)


class Crew:
    """Processes that do shares of one task, then of the next; for a ``with`` block.  A crew of one is this process.

    They start faster if ``stream.replay.ahead`` has already loaded what they need.
    """

    def __init__(self, size: int) -> None:
        self.size: Final = size
        self._reports: Any = None
        self._crew: list[tuple[BaseProcess, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, _ in self._crew:
            process.kill()  # parts are written atomically, and resuming repeats what is missing
        for process, _ in self._crew:
            process.join()

    def do(self, task: Task, shares: Sequence[Sequence[Stretch]], done: Done) -> float:
        """Do all shares, at most one per process.  Blocks until all are done; returns the processor seconds it took.

        Raises:
            ChatwardenError: what a process raised, or that it ended.
            Interrupted: a signal came.
        """
        due = [share for share in shares if share]
        if self.size == 1 or len(due) <= 1:
            before = time.process_time()
            for share in due:
                task(share, done)
            return time.process_time() - before
        self._start(len(due))
        for (_, inbox), share in zip(self._crew, due, strict=False):
            inbox.put((task, share))
        return self._listen(len(due), done)

    def _start(self, count: int) -> None:
        self._reports = self._reports or CONTEXT.Queue()
        for _ in range(count - len(self._crew)):
            inbox: Any = CONTEXT.Queue()
            process = CONTEXT.Process(target=_work, args=(inbox, self._reports), daemon=True)
            process.start()
            self._crew.append((process, inbox))

    def _listen(self, working: int, done: Done) -> float:
        """Forward the processes' reports until all are finished."""
        cpu_s = 0.0
        while working:
            try:
                report: _Report = self._reports.get(timeout=_WATCH_S)
            except queue.Empty:
                self._look()
                continue
            if report.failure is not None:
                raise report.failure
            if report.stretch is None:
                working -= 1
                cpu_s += report.cpu_s
            else:
                done(report.stretch, report.events)
        return cpu_s

    def _look(self) -> None:
        ended = [process.exitcode for process, _ in self._crew if process.exitcode is not None]
        if ended:
            raise WorkerEnded(f"a worker process exited with code {ended[0]}; continue with --resume")


def _work(inbox: Any, reports: Any) -> None:
    """Process shares as they arrive; the process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    keep_freed_memory()
    gc.set_threshold(1_000_000)  # columns consist of many short-lived tuples, none of them in a cycle
    before = 0.0
    while True:
        task, share = inbox.get()
        try:
            task(share, lambda stretch, events: reports.put(_Report(stretch, events)))
            reports.put(_Report(cpu_s=time.process_time() - before))
        except ChatwardenError as exc:
            reports.put(_Report(failure=exc))
        except Exception:  # the edge of this process: its parent reports the error
            reports.put(_Report(failure=WorkerEnded(traceback.format_exc())))
        before = time.process_time()


def _leave_with_parent() -> None:
    """Exit when the parent has ended, however it did."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
