"""Shares of a job in processes side by side; what one of them keeps, no other touches."""

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
from multiprocessing.process import BaseProcess
from typing import Any, Final

from stream.errors import ChatwardenError
from stream.replay.history.stretch import Stretch
from stream.replay.work import Cast, Desk, Done, compare, keep_verdicts

Task = Callable[[Sequence[Stretch], Done], None]
"""Does stretches one after the other.  Passed on to processes, so made of values and functions of modules."""

_WATCH_S: Final = 1.0


class WorkerEnded(ChatwardenError):
    """A process ended in the middle of its share."""


@dataclass(frozen=True, slots=True)
class _Report:
    """What a process says: a stretch is done, it failed, or (neither) it is through."""

    stretch: Stretch | None = None
    events: int = 0
    failure: ChatwardenError | None = None


def verdict_task(desk: Desk) -> Task:
    """Return the task of keeping recorded verdicts."""
    return partial(keep_verdicts, desk)


def compare_task(desk: Desk, cast: Cast) -> Task:
    """Return the task of comparing."""
    return partial(compare, desk, cast)


def do(task: Task, shares: Sequence[Sequence[Stretch]], done: Done) -> None:
    """Do all shares: one here, several in a process each.  Blocks until all are done.

    Raises:
        ChatwardenError: what a process raised, or that it ended; the others are ended too.
        Interrupted: as the signal comes; likewise.
    """
    due = [share for share in shares if share]
    if len(due) <= 1:
        for share in due:
            task(share, done)
        return
    context = multiprocessing.get_context("spawn")
    reports: Any = context.Queue()
    processes = [context.Process(target=_work, args=(task, share, reports, os.getpid()), daemon=True) for share in due]
    try:
        for process in processes:
            process.start()
        _listen(processes, reports, done)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()  # parts are whole or not there, so nothing is lost that resuming does not do again
            process.join()


def _listen(processes: Sequence[BaseProcess], reports: Any, done: Done) -> None:
    """Pass on what processes say until all are through."""
    working = len(processes)
    while working:
        try:
            report: _Report = reports.get(timeout=_WATCH_S)
        except queue.Empty:
            failed = [process for process in processes if process.exitcode]
            if failed:
                raise WorkerEnded(
                    f"a worker process ended with code {failed[0].exitcode}; --resume goes on where it was"
                ) from None
            continue
        if report.failure is not None:
            raise report.failure
        if report.stretch is None:
            working -= 1
        else:
            done(report.stretch, report.events)


def _work(task: Task, share: Sequence[Stretch], reports: Any, parent: int) -> None:
    """Do a share; the process's main function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    try:
        task(share, lambda stretch, events: reports.put(_Report(stretch, events)))
        reports.put(_Report())
    except ChatwardenError as exc:
        reports.put(_Report(failure=exc))
    except Exception:
        reports.put(_Report(failure=WorkerEnded(traceback.format_exc())))
    reports.close()
    reports.join_thread()


def _leave_with(parent: int) -> None:
    """End when the parent is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)
