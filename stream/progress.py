"""How far behind each partition is, and whether it moves at all."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from stream.health import Health
from stream.metrics import Metrics
from stream.records import Partition, Record

log: Final = logging.getLogger("stream.progress")

STUCK_S: Final = 30.0
HELD: Final = (
    "if this lasts, an open transaction holds the group's offsets: a dead worker's, until its transactional id returns "
    "or times out, or one that a broker did not end; see kafka-transactions.sh find-hanging"
)


class Progress:
    """Measures the partitions that we own.

    ``high`` tells the end of a partition as the client last heard it, negative before it has heard anything.
    ``answered`` asks the broker, briefly, whether it tells the committed offset.  ``wall`` is the time in seconds.
    """

    def __init__(
        self,
        high: Callable[[int], int],
        answered: Callable[[int], bool],
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
        self._taken_ms: dict[int, int] = {}
        self._stuck: set[Partition] = set()

    def assigned(self, partition: Partition) -> None:
        """Begin with a partition."""
        self._since[partition] = self._wall()

    def gone(self, partition: Partition) -> None:
        """End with a partition."""
        self._since.pop(partition, None)
        self._taken_ms.pop(partition.number, None)
        self._stuck.discard(partition)
        self._metrics.forget("consumer_lag_records", **_labels(partition))
        self._metrics.forget("lag_seconds", **_labels(partition))

    def taken(self, last: Iterable[Record]) -> None:
        """Note the last records that were taken, one of each partition."""
        self._taken_ms.update((record.partition, record.timestamp_ms) for record in last)

    def report(self, next_offsets: Mapping[int, int]) -> None:
        """Measure; ``next_offsets`` says where reading goes on, by partition number."""
        for partition in list(self._since):
            position = next_offsets.get(partition.number)
            high = self._high(partition.number)
            if position is None:
                self._perhaps_stuck(partition)
            elif high >= 0:
                self._moves(partition)
                self._measure(partition, max(high - position, 0))

    def _measure(self, partition: Partition, lag: int) -> None:
        taken_ms = self._taken_ms.get(partition.number)
        age = self._wall() - taken_ms / 1000 if lag and taken_ms is not None else 0.0
        self._metrics.gauge("consumer_lag_records", lag, **_labels(partition))
        self._metrics.gauge("lag_seconds", max(age, 0.0), **_labels(partition))

    def _moves(self, partition: Partition) -> None:
        if partition in self._stuck:
            self._stuck.discard(partition)
            self._health.ready("partitions")

    def _perhaps_stuck(self, partition: Partition) -> None:
        """Look at a partition that brought nothing since it is ours: it is empty, or its offset is held back."""
        if self._wall() - self._since[partition] < STUCK_S:
            return
        self._since[partition] = self._wall()
        if self._answered(partition.number):
            self._moves(partition)
            return
        self._stuck.add(partition)
        why = f"{partition.topic}[{partition.number}] is ours and nothing has been read for {STUCK_S:g} s: {HELD}"
        self._health.unready("partitions", why)
        log.error(why, extra={"topic": partition.topic, "partition": partition.number})


def _labels(partition: Partition) -> Mapping[str, str]:
    return {"topic": partition.topic, "partition": str(partition.number)}
