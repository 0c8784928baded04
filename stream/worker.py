"""The loop: read a chunk, judge it, write the results and offsets in one transaction.

When it lags, or the judge is slow, two chunks are in flight, first in, first out: one is judged in a thread while the
other is committed by the thread that owns source and sink.  Offsets come from the chunks themselves, never from the
consumer's position, which is ahead of what was written.  A transaction begins when its results are ready, so judging
does not count against its time-out.

An aborted transaction is retried with the same results.  After an unknown outcome everything in flight is dropped, the
sink renewed, and reading continues from the committed offsets: they say whether the transaction committed.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Final

from model.classifier import ClassifierDown
from stream.dead_letters import DeadLetterLimits
from stream.deadline import Backoff, Clock, Deadline
from stream.errors import OutcomeUnknown, TransactionAborted, TransportError
from stream.flight import Flight
from stream.health import Health
from stream.metrics import Metrics
from stream.records import Chunk, DeadLetter, Judged, Partition, Record
from stream.seams import Sink, Source

log: Final = logging.getLogger("stream.worker")

IN_FLIGHT: Final = 2
IDLE_S: Final = 0.1  # maximum wait for a first record
NAP_S: Final = 0.02  # maximum wait for the judge between two polls of the source
LEAVE_S: Final = 4.0  # from the signal to the end of the chunk in hand; a second is left to leave the group
REPORT_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Health, metrics and clocks."""

    health: Health
    metrics: Metrics
    clock: Clock = time.monotonic
    wall: Clock = time.time


class Worker:
    """Moves records from source to sink until it is told to stop, or must."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        submit: Callable[[Chunk], "Future[Judged]"],
        limits: DeadLetterLimits,
        chunk_size: int,
        around: Surroundings,
    ) -> None:
        """Set up; ``submit`` has chunks judged in another thread, one after the other."""
        self._source = source
        self._sink = sink
        self._submit = submit
        self._limits = limits
        self._chunk_size = chunk_size
        self._health = around.health
        self._metrics = around.metrics
        self._clock = around.clock
        self._wall = around.wall
        self._flights: deque[Flight] = deque()
        self._aborts = Backoff(0.05, 5.0)
        self._holds = Backoff(0.1, 5.0)
        self._uncertain = ""  # why work in hand was dropped, until the committed offsets have said what is left
        self._leave_by: Deadline | None = None
        self._next_report = self._clock()

    def stop(self) -> None:
        """Finish the chunks in hand and return from ``run``; may be called from a signal handler."""
        self._leave_by = self._leave_by or Deadline(self._clock, LEAVE_S)

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._leave_by is not None

    def run(self) -> None:
        """Work until ``stop``.

        Raises:
            TooManyDeadLetters, DataLost, Fenced, ConfigError: nothing further is committed.
            TransportError: the client failed permanently, or there was no time left for all that was in hand.
        """
        try:
            self._renew()
            self._patiently(self._source.join)
            while not self.stopping:
                self._turn()
            self._finish_all()
        finally:
            self._sink.close()
            self._source.close()

    def _finish_all(self) -> None:
        """Commit what is in hand, while there is time."""
        while self._flights and not self._out_of_time():
            self._finish(self._flights[0])
        left = sum(not flight.void for flight in self._flights)
        if left or self._uncertain:
            why = self._uncertain or f"no time was left to commit {left} of the chunks in hand"
            raise TransportError(f"{why}; the next owner continues from the committed offsets")

    def _turn(self) -> None:
        """Read a chunk if there is one, and finish the oldest.

        A full chunk means that more is waiting: then the next one is read first, to be judged while this one is
        committed.  Without lag, a second chunk would only wait behind the first one's transaction.
        """
        self._health.tick()
        full = self._launch(0.0 if self._flights else IDLE_S)
        if self._flights and (len(self._flights) >= IN_FLIGHT or not full):
            self._finish(self._flights[0])
        if self._clock() >= self._next_report:
            self._next_report = self._clock() + REPORT_EVERY_S
            self._source.report()

    def _launch(self, wait_s: float) -> bool:
        """Read a chunk, if there is one, and have it judged; return whether it was full."""
        started = self._clock()
        chunk, gone = self._source.take(self._chunk_size, wait_s)
        self._drop(gone)
        if not chunk.records:
            return False
        taken = self._clock()
        self._metrics.observe("phase_seconds", taken - started, phase="poll")
        self._flights.append(Flight(chunk, self._submit(chunk), taken))
        return len(chunk.records) >= self._chunk_size

    def _finish(self, flight: Flight) -> None:
        """Commit the oldest chunk; on failure keep it, or start over from the committed offsets."""
        judged = self._judged(flight)
        if flight.void:
            self._flights.popleft()
        elif judged is not None:
            self._commit(flight, judged)

    def _commit(self, flight: Flight, judged: Judged) -> None:
        kept, records = flight.kept(judged)
        limits = self._limits.after(kept.results, records)
        started = self._clock()
        try:
            self._sink.commit(kept.results, flight.ends(), self._source.group(), self._time_left())
        except TransactionAborted as exc:
            self._metrics.count("transactions_aborted_total", cause=exc.cause)
            self._health.unready("producer", str(exc))
            log.warning("a transaction was aborted and is retried: %s", exc, extra={"cause": exc.cause})
            self._rest(self._aborts.next())
            return
        except OutcomeUnknown as exc:
            unknown = str(exc)
        else:
            self._metrics.observe("phase_seconds", self._clock() - started, phase="commit")
            self._flights.popleft()
            self._limits = limits
            if self._aborts.tries:
                self._aborts.reset()
                self._health.ready("producer")
            self._measure(kept, records)
            return
        # Not inside the except block: its traceback would keep the old producer alive beside the new one.
        self._start_afresh(unknown)

    def _judged(self, flight: Flight) -> Judged | None:
        """Wait for the judge, staying in the group meanwhile.  None if the result is no longer needed.

        While the classifier is down the chunk is held and judged again.
        """
        while not self._out_of_time() and not flight.void:
            # Not by ``result``'s time-out: the judge itself may raise a TimeoutError.
            if not wait((flight.judging,), NAP_S).done:
                self._health.tick()
                if len(self._flights) < IN_FLIGHT:
                    self._launch(0.0)
                else:
                    self._serve(0.0)
                continue
            try:
                judged = flight.judging.result()
            except ClassifierDown as exc:
                self._hold(flight, exc)
            else:
                self._scored(flight)
                return judged
        return None

    def _hold(self, flight: Flight, fault: ClassifierDown) -> None:
        """Keep a chunk that the classifier failed on, and have it judged again a little later."""
        self._health.unready("model", f"the classifier is down: {fault}")
        self._metrics.gauge("degraded", 1, component="classifier")
        log.error("the classifier is down; the stream is held: %s", fault, extra={"component": "classifier"})
        self._rest(self._holds.next())
        flight.judging = self._submit(flight.chunk)

    def _scored(self, flight: Flight) -> None:
        """Note that the judge answered."""
        self._metrics.observe("phase_seconds", self._clock() - flight.taken_at, phase="judge")
        if self._holds.tries:
            self._holds.reset()
            self._health.ready("model")
            self._metrics.gauge("degraded", 0, component="classifier")
            log.warning("the classifier is back", extra={"component": "classifier"})

    def _start_afresh(self, why: str) -> None:
        """Drop all work in flight and continue from the committed offsets, which say what was committed."""
        log.warning("the outcome of a transaction is unknown; restarting from the committed offsets: %s", why)
        self._metrics.count("transactions_aborted_total", cause="outcome_unknown")
        self._metrics.count("producers_recreated_total")
        self._uncertain = f"the outcome of a transaction is unknown ({why})"
        self._flights.clear()
        if not self.stopping:
            self._renew()
            self._patiently(self._rewind)

    def _rewind(self) -> None:
        self._source.rewind()
        self._uncertain = ""

    def _renew(self) -> None:
        self._health.unready("producer", "starting")
        self._patiently(self._sink.renew)

    def _patiently(self, step: Callable[[], None]) -> None:
        """Repeat a step until the broker accepts it, or we must leave."""
        backoff = Backoff(0.1, 5.0)
        while not self.stopping:
            try:
                step()
            except TransportError as exc:
                self._health.unready("producer", str(exc))
                log.warning("waiting for Kafka: %s", exc)
                self._rest(backoff.next())
            else:
                self._health.ready("producer")
                return

    def _rest(self, seconds: float) -> None:
        """Wait, staying in the group."""
        until = Deadline(self._clock, seconds)
        while not until.over and not self._out_of_time():
            self._serve(until.remaining(IDLE_S))

    def _serve(self, wait_s: float) -> None:
        self._health.tick()
        self._drop(self._source.stay(wait_s))

    def _drop(self, gone: frozenset[Partition]) -> None:
        for flight in self._flights if gone else ():
            flight.drop(gone)

    def _out_of_time(self) -> bool:
        return self._leave_by is not None and self._leave_by.over

    def _time_left(self) -> float:
        return float("inf") if self._leave_by is None else max(self._leave_by.remaining(), 0.5)

    def _measure(self, judged: Judged, records: Sequence[Record]) -> None:
        """Measure a committed chunk, once for all its records."""
        metrics = self._metrics
        metrics.count("transactions_committed_total")
        metrics.observe("chunk_records", len(records))
        metrics.gauge("dead_letter_ratio", self._limits.ratio)
        for (topic, number), count in Counter((record.topic or "", record.partition) for record in records).items():
            metrics.count("records_consumed_total", count, topic=topic, partition=str(number))
        for (action, category, resolved_by), count in judged.tally.items():
            metrics.count("verdicts_total", count, action=action, category=category, resolved_by=resolved_by)
        if len(judged.results) > judged.tally.total():
            causes = Counter(result.rejection.cause for result in judged.results if isinstance(result, DeadLetter))
            for cause, count in causes.items():
                metrics.count("dead_letters_total", count, cause=cause)
        for record in (records[0], records[-1]):
            metrics.observe("end_to_end_seconds", max(self._wall() - record.timestamp_ms / 1000, 0.0))
