"""The gate's audit: the classifier also scores a share of what the gate cleared, off the critical path.

The verdict stays the gate's.  A digest of the event id selects the events, so the sample is the same on every worker
and after every replay.  What the classifier would not have allowed is counted: the gate's miss rate in production.
"""

import contextlib
import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from model.classifier import ClassifierError
from model.policy import Circumstances, Decider
from model.resolver import Answer, Poison, Reply, Text
from schemas.codec import Event
from stream.metrics import Metrics

log = logging.getLogger(__name__)

WAITING: Final = 1_024
"""Maximum number of texts that wait for the audit; further ones are counted as skipped."""
BATCH: Final = 64
PATIENCE_S: Final = 5.0
"""How long a text waits for others at most: one by one they would take several times as long, and the judge's cores."""
_CLOSE_WITHIN_S: Final = 0.5

Classify = Callable[[Sequence[Text]], Sequence[Reply]]


class Cleared(NamedTuple):
    """A text that the gate cleared, and its circumstances."""

    text: Text
    circumstances: Circumstances


class GateAudit:
    """Counts ``gate_audits_total`` by result: ``right``, ``missed``, ``unscored``, ``skipped``.

    ``classify`` is called by a thread of its own; the judge never waits for it.
    """

    def __init__(
        self,
        classify: Classify,
        decider: Decider,
        share: float,
        metrics: Metrics,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._classify = classify
        self._patience_s = patience_s
        self._decider = decider
        self._limit = int(share * 2**64)
        self._metrics = metrics
        self._waiting: queue.Queue[Cleared | None] = queue.Queue(WAITING)
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gate audit", daemon=True)
        self._thread.start()

    def __call__(self, event: Event, text: Text, circumstances: Circumstances) -> None:
        """Note an event whose text the gate cleared.  Never blocks."""
        drawn = hashlib.blake2b(event.event_id.encode(), digest_size=8, person=b"gate audit").digest()
        if int.from_bytes(drawn, "big") >= self._limit:
            return
        try:
            self._waiting.put_nowait(Cleared(text, circumstances))
        except queue.Full:
            self._metrics.count("gate_audits_total", 1, result="skipped")

    def close(self) -> None:
        """Score what is queued, for half a second at most, and end the thread.

        A thread that is still in the classifier when the interpreter shuts down crashes the process.
        """
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=_CLOSE_WITHIN_S)
        self._thread.join(_CLOSE_WITHIN_S)
        self._given_up.set()
        self._thread.join(_CLOSE_WITHIN_S)

    def _run(self) -> None:
        going = True
        while going and not self._given_up.is_set():
            batch = self._batch()
            going = None not in batch
            cleared = [each for each in batch if each is not None]
            if cleared:
                self._look_at(cleared)

    def _batch(self) -> list[Cleared | None]:
        """Wait for one, and then for more until they are enough, the patience ends or the audit does."""
        batch = [self._waiting.get()]
        until = time.monotonic() + self._patience_s
        while len(batch) < BATCH and batch[-1] is not None:
            try:
                batch.append(self._waiting.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _look_at(self, cleared: list[Cleared]) -> None:
        try:
            replies = self._classify([each.text for each in cleared])
        except ClassifierError as exc:
            log.warning("the classifier could not audit the gate: %s", type(exc).__name__)
            replies = [None] * len(cleared)
        for each, reply in zip(cleared, replies, strict=True):
            self._metrics.count("gate_audits_total", 1, result=self._result(each, reply))

    def _result(self, cleared: Cleared, reply: Reply) -> str:
        if isinstance(reply, Poison) or not isinstance(reply, Answer) or not reply.scores:
            return "unscored"
        return "right" if self._decider(reply, cleared.circumstances).action == "allow" else "missed"
