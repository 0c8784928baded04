"""The demo: generated chat through the whole judge, paced, with the latency of each verdict."""

from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

import msgspec

from stream.chatter.generate import Chatter, Pace
from stream.records import Chunk, DeadLetter, Judged, Outgoing, Record
from stream.summary import Summary

RECENT: Final = 2_000
"""Number of recent latencies that the live view summarises."""

REST_S: Final = 0.01


class Line(NamedTuple):
    """A result as the view shows it."""

    action: str
    category: str
    score: float | None
    """Of the category; None where a rule decided."""
    resolved_by: str
    player_id: str
    text: str


class View(Protocol):
    """Shows the results."""

    def show(self, lines: list[Line], progress: "Progress") -> None:
        """Show the results of a chunk and the progress."""
        ...


@dataclass(slots=True)
class Progress:
    """Counts and latencies of the run so far."""

    summary: Summary = field(default_factory=Summary)
    elapsed_s: float = 0.0
    latencies: "array[float]" = field(default_factory=lambda: array("d"))
    """Seconds from when a record was due to its verdict."""
    recent: "deque[float]" = field(default_factory=lambda: deque(maxlen=RECENT))

    def quantile(self, share: float) -> float:
        """Return a quantile of the recent latencies, in seconds; 0 before the first."""
        ordered = sorted(self.recent)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


class Demo:
    """Generates, judges and shows, until the time is up."""

    def __init__(
        self,
        judge: Callable[[Chunk], Judged],
        chatter: Chatter,
        pace: Pace,
        clock: Callable[[], float],
        chunk_size: int,
    ) -> None:
        """Take a judge and a monotonic ``clock`` in seconds."""
        self._judge = judge
        self._chatter = chatter
        self._pace = pace
        self._clock = clock
        self._chunk_size = chunk_size
        self.progress: Final = Progress()

    def run(self, view: View, started_at: datetime, rest: Callable[[float], None]) -> None:
        """Run until the time is up.  ``rest`` waits for the given seconds; what it raises ends the run."""
        started = self._clock()
        sent = 0
        while not self._pace.over(elapsed := self._clock() - started):
            count = min(self._pace.due(elapsed) - sent, self._chunk_size)
            if count <= 0:
                rest(REST_S)
                continue
            records = [self._record(number, started_at) for number in range(sent, sent + count)]
            judged = self._judge(Chunk(records))
            self._note(judged, sent, self._clock() - started)
            view.show(list(_lines(judged, records)), self.progress)
            sent += count
            rest(0)

    def _record(self, number: int, started_at: datetime) -> Record:
        return Record(self._chatter.say(started_at + self._pace.time_of(number)), number)

    def _note(self, judged: Judged, first: int, elapsed_s: float) -> None:
        progress = self.progress
        progress.summary.add(judged)
        progress.elapsed_s = elapsed_s
        for number in range(first, first + len(judged.results)):
            latency = timedelta(seconds=elapsed_s) - self._pace.time_of(number)
            progress.latencies.append(latency.total_seconds())
            progress.recent.append(latency.total_seconds())


def _lines(judged: Judged, records: list[Record]) -> Iterator[Line]:
    for record, result in zip(records, judged.results, strict=True):
        if isinstance(result, DeadLetter):
            yield Line("dead letter", result.rejection.cause, None, "", "", result.rejection.detail)
        else:
            yield _line(record, result)


def _line(record: Record, result: Outgoing) -> Line:
    verdict = msgspec.json.decode(result.verdict)
    event = msgspec.json.decode(record.value or b"{}")
    scores = verdict["scores"]
    return Line(
        verdict["action"],
        verdict["category"],
        None if verdict["matches"] else scores.get(verdict["category"]),
        verdict["resolved_by"],
        verdict["player_id"],
        event["text"],
    )
