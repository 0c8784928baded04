"""SIGINT and SIGTERM as a request: a write is finished, a wait is not."""

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class Interrupted(BaseException):
    """The process was asked to stop.  ``exit_code`` is 128 + the signal, as in shells.

    Like ``KeyboardInterrupt`` not an ``Exception``: libraries that guard imports would swallow it.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.exit_code = 128 + signal_number


class Interrupts:
    """Defers signals while work is in hand; for the main thread, in a ``with`` block.

    ``wait`` or ``check`` raises the first signal; a second one is raised at once.
    """

    def __init__(self) -> None:
        self._asked: int | None = None
        self._waiting = False
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        repeated = self._asked is not None
        self._asked = number
        if self._waiting or repeated:
            raise Interrupted(number)

    def check(self) -> None:
        """Raise ``Interrupted`` if a signal has arrived."""
        if self._asked is not None:
            raise Interrupted(self._asked)

    def wait(self, call: Callable[[], T]) -> T:
        """Call something that may block for long and can safely be interrupted; a signal ends it.

        Raises:
            Interrupted: a signal came before its result.
        """
        self._waiting = True
        try:
            self.check()
            return call()
        finally:
            self._waiting = False


def end_on_signals(tell: Callable[[str], None], exit_code: int) -> None:
    """Let SIGINT and SIGTERM end the process at once, after ``tell`` was given the signal's name.

    For the time before work begins.  Not an exception: library code may swallow it.
    """

    def end(number: int, _: FrameType | None) -> None:
        try:
            tell(signal.Signals(number).name)
        finally:
            os._exit(exit_code)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
