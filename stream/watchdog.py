"""The last resort: ends a worker whose loop hangs, so that its supervisor restarts it.

librdkafka was seen to stay in a call for minutes past its time-out.  Only the end of the process ends such a call.
Nothing is lost: the next owner repeats what was not committed.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from stream.errors import TransportError
from stream.health import Health
from stream.kafka_config import Properties

log: Final = logging.getLogger("stream.watchdog")

NAP_S: Final = 1.0


def longest_turn_s(consumer: Properties, producer: Properties) -> float:
    """Return the maximum time of one turn of the loop, in seconds.

    A commit and an abort may each take the transaction time-out; after ``max.poll.interval.ms`` our partitions have
    been reassigned.  After both there is nothing left to wait for.
    """
    transaction_ms, poll_ms = float(producer["transaction.timeout.ms"]), float(consumer["max.poll.interval.ms"])
    return (poll_ms + 2 * transaction_ms) / 1000


class Watchdog:
    """Ends the process when the loop has not ticked for ``longest_s`` seconds."""

    def __init__(
        self,
        health: Health,
        longest_s: float,
        end: Callable[[int], object] = os._exit,
        nap: Callable[[float], object] = time.sleep,
    ) -> None:
        self._health = health
        self._longest_s = longest_s
        self._end = end
        self._nap = nap

    def start(self) -> None:
        """Watch in a thread of its own."""
        threading.Thread(target=self.watch, name="watchdog", daemon=True).start()

    def watch(self) -> None:
        """Wait until the loop hangs, log where, and exit as for a failed client."""
        self._wait()
        code = TransportError.exit_code
        log.error(
            "the loop hangs, at %s; the process ends, and its work is left to the next owner",
            self._health.stack()[-1],
            extra={"seconds": self._longest_s, "code": code},
        )
        self._end(code)

    def _wait(self) -> None:
        """Count naps without a tick, not time: a process that was stopped (SIGSTOP) for long has not hung."""
        naps, seen = 0, self._health.ticks
        while naps * NAP_S < self._longest_s:
            self._nap(NAP_S)
            ticks = self._health.ticks
            naps, seen = (naps + 1 if ticks == seen else 0), ticks
