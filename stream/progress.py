"""Measures each partition's lag and whether it makes progress."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from stream.health import Health
from stream.metrics import Metrics
from stream.records import Partition, Record

log: Final = logging.getLogger("stream.progress")

STUCK_S: Final = 30.0
ALL: Final = -1  # in place of a partition number: a problem of the whole topic
HELD: Final = (
    "if this lasts, an open transaction holds the group's offsets: a dead worker's, until its transactional id returns "
    "or times out, or one that a broker did not end; see kafka-transactions.sh find-hanging"
)


class Progress:
    """Measures the partitions that we own; reports not ready while one of them is stuck.

    ``high`` returns the end of a partition as the client last learned it; negative: not yet known.
    ``answered`` asks the broker, briefly, for committed offsets and returns the partitions that it answered for.
    ``wall`` is the time in seconds.
    """

    def __init__(
        self,
        high: Callable[[int], int],
        answered: Callable[[list[int]], frozenset[int]],
        health: Health,
        metrics: Metrics,
        wall: Callable[[], float],
    ) -> None:
        self._high = high
        self._answered = answered
        self._health = health
        self._metrics = metrics
        self._wall = wall
        self._since: dict[Partition, float] = {}
        self._idle_since = wall()
        self._taken_s: dict[int, float] = {}
        self._drained: dict[int, int] = {}
        self._empty_s: dict[int, float] = {}
        self._held: set[int] = set()
        self.still: dict[int, str] = {}
        """Why a partition is stuck, by number; ``ALL`` for the topic."""

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Add assigned partitions; none is fine: others have them all."""
        for partition in partitions:
            self._since[partition] = self._wall()
            self.still.pop(partition.number, None)
            self.rewound(partition.number)
        self.still.pop(ALL, None)
        self._tell()

    def gone(self, partition: Partition) -> None:
        """Remove a lost partition."""
        number = partition.number
        self._since.pop(partition, None)
        self._idle_since = self._wall()
        self._taken_s.pop(number, None)
        self.rewound(number)
        self._held.discard(number)
        if self.still.pop(number, None):
            self._tell()
        self._metrics.forget("consumer_lag_records", **_labels(partition))
        self._metrics.forget("lag_seconds", **_labels(partition))

    def taken(self, last: Iterable[Record]) -> None:
        """Note the last records read, one per partition."""
        self._taken_s.update((record.partition, record.timestamp_ms / 1000) for record in last)

    def drained(self, number: int, offset: int) -> None:
        """Note that everything before an offset has been read.

        Between the last record and this offset there are only transaction markers.
        """
        self._drained[number] = offset
        self._empty_s[number] = self._wall()
        self.moves(number)

    def rewound(self, number: int) -> None:
        """Note that a partition was rewound."""
        self._drained.pop(number, None)
        self._empty_s.pop(number, None)

    def stands_still(self, number: int, why: str) -> None:
        """Note that a partition, or with ``ALL`` the topic, cannot be read at present."""
        self.still[number] = why
        self._tell()

    def moves(self, number: int) -> None:
        """Note that a partition can be read again."""
        self._held.discard(number)
        known = [self.still.pop(key) for key in (number, ALL) if key in self.still]
        if known:
            self._tell()

    def report(self, next_offsets: Mapping[int, int]) -> None:
        """Measure; ``next_offsets`` are the next offsets to read, by partition number."""
        for partition in self._since:
            number = partition.number
            position = max(next_offsets.get(number, -1), self._drained.get(number, -1))
            high = self._high(number)
            if position >= 0 and high >= 0:
                self._measure(partition, max(high - position, 0))

    def look(self, next_offsets: Mapping[int, int]) -> None:
        """Check partitions that have returned nothing since their assignment.

        They are empty, their offsets are held back, or Kafka is unavailable, which a partition that was read to its end
        does not show.  Asks the broker about all of them at once, at most every ``STUCK_S`` seconds; without a
        partition, whether it answers at all.
        """
        if not self._since:
            self._look_around()
            return
        heard = next_offsets.keys() | (self.still.keys() - self._held)
        now = self._wall()
        silent = [each for each, since in self._since.items() if now - since >= STUCK_S and each.number not in heard]
        if not silent:
            return
        answered = self._answered([partition.number for partition in silent])
        for partition in silent:
            self._since[partition] = now
            if partition.number in answered:
                self.moves(partition.number)
            else:
                self._stuck(partition)

    def _look_around(self) -> None:
        """Be ready without a partition if the broker answers: there are more workers than partitions.

        Not every group protocol reports an empty assignment.
        """
        if self._wall() - self._idle_since < STUCK_S:
            return
        self._idle_since = self._wall()
        if self._answered([0]):
            self.still.pop(ALL, None)
            self._tell()
        else:
            self.stands_still(ALL, "no partition is assigned, and Kafka does not answer")

    def _measure(self, partition: Partition, lag: int) -> None:
        """Report the lag, and an upper bound of the oldest unread record's age.

        That record is younger than the last one read, and than the last moment without lag.
        """
        number = partition.number
        if not lag:
            self._empty_s[number] = self._wall()
        known = [when[number] for when in (self._taken_s, self._empty_s) if number in when]
        age = self._wall() - max(known) if lag and known else 0.0
        self._metrics.gauge("consumer_lag_records", lag, **_labels(partition))
        self._metrics.gauge("lag_seconds", max(age, 0.0), **_labels(partition))

    def _stuck(self, partition: Partition) -> None:
        why = f"{partition.topic}[{partition.number}] is assigned but nothing has been read for {STUCK_S:g} s: {HELD}"
        self._held.add(partition.number)
        self.stands_still(partition.number, why)
        log.error(why, extra={"topic": partition.topic, "partition": partition.number})

    def _tell(self) -> None:
        if not self.still:
            self._health.ready("partitions")
            return
        first, *others = self.still.values()
        self._health.unready("partitions", f"{first} (and {len(others)} more)" if others else first)


def _labels(partition: Partition) -> Mapping[str, str]:
    return {"topic": partition.topic, "partition": str(partition.number)}
