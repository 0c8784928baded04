"""Leaving: SIGTERM and SIGINT always end the process, whatever its other threads do.

Faust waits for whatever it started, some of which may never return, and a stuck event loop runs no signal handlers.
So a separate thread receives the signals, passes the request on, and ends the process at the deadline.  What was not
committed by then is repeated by the partitions' next owner.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, NoReturn

log: Final = logging.getLogger(__name__)

LATE: Final = 70
"""Exit code of a process that had to end before it began to stop: the hang is a bug of ours."""
_LAST_WORDS_S: Final = 0.5
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Leaving:
    """Waits for a signal, in a thread.  Create it before any other thread: those inherit the blocked signal mask."""

    def __init__(self, within_s: float) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self._within_s = within_s
        self._code = LATE
        self._asked = threading.Event()
        self._tell: Callable[[], object] = self._asked.set
        self._watch = threading.Thread(target=self._wait, name="leaving", daemon=True)
        self._watch.start()

    @property
    def asked(self) -> bool:
        """Whether the process was asked to stop."""
        return self._asked.is_set()

    def tell(self, wish: Callable[[], object]) -> None:
        """Call ``wish``, from the thread, when asked to stop; immediately if that has already happened."""
        self._tell = wish
        if self.asked:
            wish()

    def begin(self, code: int) -> None:
        """Start the countdown without waiting for a signal; exits with ``code`` when time runs out."""
        self._code = code
        threading.Thread(target=self._keep_time, name="time", daemon=True).start()

    def _wait(self) -> None:
        signal.sigwait(_SIGNALS)
        self._asked.set()
        self._tell()
        self._keep_time()

    def _keep_time(self) -> None:
        time.sleep(self._within_s)
        # In a thread, since whatever blocks us may block the log, too.
        saying = threading.Thread(target=_say_late, args=(self._within_s, self._code), daemon=True)
        saying.start()
        saying.join(_LAST_WORDS_S)
        leave(self._code)


def _say_late(within_s: float, code: int) -> None:
    left = "what is in hand is left to the next owner" if code else "nothing was in hand"
    log.error("not done within %g s; %s", within_s, left, extra={"code": code})


def leave(code: int) -> NoReturn:
    """End the process at once; standard output and error are flushed."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
