"""SIGINT and SIGTERM as a request: what is being written is finished, what is waited for is not."""

import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class Interrupted(BaseException):
    """The process was asked to stop.  ``exit_code`` is 128 + the signal, as in shells.

    Like ``KeyboardInterrupt`` not an ``Exception``, which libraries that try imports would swallow.
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
        """Raise ``Interrupted`` if a signal came."""
        if self._asked is not None:
            raise Interrupted(self._asked)

    def wait(self, call: Callable[[], T]) -> T:
        """Call something that may block for long and has nothing to lose; a signal ends it.

        Raises:
            Interrupted: before, or instead of, its result.
        """
        self._waiting = True
        try:
            self.check()
            return call()
        finally:
            self._waiting = False


def end_on_signals(tell: Callable[[str], None], exit_code: int) -> None:
    """Let SIGINT and SIGTERM end the process at once, after ``tell`` was given the signal's name.

    For the time before work begins.  An exception would not do, since it may arise in library code that drops it.
    """

    def end(number: int, _: FrameType | None) -> None:
        try:
            tell(signal.Signals(number).name)
        finally:
            os._exit(exit_code)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
