"""The input: a Kafka consumer that reports records and lost partitions, and never commits by itself.

One thread owns it.  Rebalances happen inside ``take``, ``stay`` and ``close``; no transaction is ever open there, so a
revoked partition costs only the work in flight, which the next owner repeats from the committed offset.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from stream.errors import TransportError
from stream.health import Health
from stream.kafka_config import Properties
from stream.kafka_errors import Reading, cause_of, is_end, is_not_fetching, reading_of, transport_error
from stream.messages import place_of, record_of
from stream.metrics import Metrics
from stream.progress import ALL, HELD, Progress
from stream.read_ahead import ReadAhead
from stream.records import Chunk, Partition
from stream.remedies import NO_OFFSET, data_lost, reset_command
from stream.seams import Taken
from stream.start import Start, ensure_start

log: Final = logging.getLogger("stream.source")
FAILED_CALL_S: Final = 10.0
ASK_AGAIN_S: Final = 10.0


class KafkaSource:
    """Reads one topic as a member of a consumer group; ``connect`` builds the consumer."""

    def __init__(
        self,
        topic: str,
        properties: Properties,
        health: Health,
        metrics: Metrics,
        read_ahead: int,
        start: Start = "earliest",
        on_lost: Callable[[], None] = lambda: None,
        connect: Callable[[Properties], Consumer] = Consumer,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Connect; ``join`` comes next.

        ``read_ahead`` limits the buffered records; ``start`` is for a new group; ``on_lost`` is called on losses.

        Raises:
            ConfigError: librdkafka refuses a property.
        """
        self._topic: Final = topic
        self._group: Final = str(properties["group.id"])
        self._metrics = metrics
        self._start = start
        self._on_lost = on_lost
        self._wall, self._asked_s = wall, 0.0
        self._progress = Progress(self._high, self._answered, health, metrics, wall)
        self._owned: dict[int, Partition] = {}
        self._next: dict[int, int] = {}
        self._stopped, self._gone = set[int](), set[Partition]()
        self._buffer = ReadAhead(read_ahead)
        self._paused: bool | None = False  # None: differs between partitions
        try:
            self._consumer = connect(properties)
        except KafkaException as exc:
            raise transport_error(exc.args[0], "connecting the consumer") from exc

    def join(self) -> None:
        """Give a new group its first offsets, and join it.

        Raises:
            ConfigError: the topic does not exist.
            TransportError: the broker is unavailable; retry.
        """
        ensure_start(self._consumer, self._topic, self._group, self._start)
        callbacks = {"on_assign": self._assigned, "on_revoke": self._revoked, "on_lost": self._lost}
        self._consumer.subscribe([self._topic], **callbacks)

    def take(self, limit: int, wait_s: float) -> Taken:
        """Return at most ``limit`` records; waits up to ``wait_s`` seconds for the first one only.

        Raises:
            DataLost: a record was deleted before it was read.
            TransportError: the consumer failed permanently.
        """
        buffer = self._buffer
        if not buffer and self._read(1, wait_s):
            self._read(limit - 1, 0)
        elif len(buffer) < limit:
            self._read(limit - len(buffer), 0)
        records = buffer.take(limit)
        self._flow()
        last = {record.partition: record for record in records}
        self._progress.taken(last.values())
        ends = {self._owned[number]: record.offset + 1 for number, record in last.items()}
        return Taken(Chunk(records, ends), self._take_gone())

    def stay(self, wait_s: float) -> frozenset[Partition]:
        """Stay a member of the group during other work: prefetch up to a limit, then pause.

        Blocks up to ``wait_s`` seconds.  Returns the partitions that were lost.  Raises as ``take``.
        """
        self._read(max(self._buffer.most - len(self._buffer), 1), wait_s)
        self._flow()
        return self._take_gone()

    def rewind(self) -> None:
        """Go back to the committed offset of every partition; prefetched records are dropped.

        Raises:
            TransportError: the offsets are not available now; retry.
        """
        self._buffer.clear()
        owned = [TopicPartition(self._topic, number) for number in self._owned]
        try:
            for position in self._consumer.committed(owned, timeout=FAILED_CALL_S) if owned else ():
                if position.error:
                    raise KafkaException(position.error)
                self._go_to(position.partition, max(position.offset, 0))
        except KafkaException as exc:
            raise transport_error(exc.args[0], f"going back to the committed offsets ({HELD})") from exc

    def _go_to(self, number: int, offset: int) -> None:
        """Continue a partition at an offset."""
        place = TopicPartition(self._topic, number, offset)
        try:
            self._consumer.seek(place)
        except KafkaException as exc:
            if not is_not_fetching(exc.args[0]):
                raise
            self._consumer.incremental_unassign([place])
            self._consumer.incremental_assign([place])
            self._paused = None
        self._next[number] = offset
        self._progress.rewound(number)

    def group(self) -> object:
        """Return the current group metadata, for one transaction: the broker fences stale metadata."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def report(self) -> None:
        """Report lag; also probes partitions that have been idle for long."""
        self._progress.report(self._next)
        if not self._paused:
            self._progress.look(self._next)
            self._ask_again()

    def _ask_again(self) -> None:
        """Retry partitions where reading was refused: librdkafka does not report that access has been granted again."""
        if self._wall() - self._asked_s < ASK_AGAIN_S:
            return
        self._asked_s = self._wall()
        for number in self._progress.still.keys() & self._next.keys() - self._stopped:
            with suppress(KafkaException):  # it is retried
                self._go_to(number, self._next[number])

    def _high(self, number: int) -> int:
        _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), cached=True)
        return high

    def _answered(self, numbers: list[int]) -> frozenset[int]:
        asked = [TopicPartition(self._topic, number) for number in numbers]
        try:
            found = self._consumer.committed(asked, timeout=1.0)
        except KafkaException:
            return frozenset()
        return frozenset(place.partition for place in found if place.error is None)

    def _read(self, limit: int, wait_s: float) -> bool:
        """Append messages to the buffer; return whether anything came, even an error or a stale record."""
        if limit < 1:
            return False
        try:
            messages = self._consumer.consume(limit, wait_s)
        except KafkaException as exc:
            raise transport_error(exc.args[0], "reading") from exc
        for message in messages:
            error = message.error()
            if error is None:
                self._keep(message)
            elif is_end(error):
                self._drained(*place_of(message))
            else:
                number = message.partition()
                self._trouble(error, ALL if number is None else number, message.offset() or 0)
        return bool(messages)

    def _keep(self, message: Message) -> None:
        number, offset = place_of(message)
        # Records of a partition that was just lost, or that are in flight already, are another worker's or repeated.
        if number not in self._owned or number in self._stopped or offset < self._next.get(number, 0):
            return
        self._next[number] = offset + 1
        if self._progress.still:
            self._progress.moves(number)
        self._buffer.append(record_of(message, self._topic, number, offset))

    def _drained(self, number: int, offset: int) -> None:
        if number in self._owned and number not in self._stopped:
            self._progress.drained(number, offset)

    def _flow(self) -> None:
        """Pause while the buffer is full.  Pausing discards librdkafka's own queue, so it is the last resort."""
        full = self._buffer.full()
        if full == self._paused:
            return
        flowing = [TopicPartition(self._topic, number) for number in self._owned if number not in self._stopped]
        (self._consumer.pause if full else self._consumer.resume)(flowing)
        self._paused = full

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for assigned in partitions:
            self._owned[assigned.partition] = Partition(self._topic, assigned.partition)
            self._next.pop(assigned.partition, None)
            self._stopped.discard(assigned.partition)
        self._paused = None
        self._rebalanced("assigned", partitions)
        self._progress.assigned([self._owned[assigned.partition] for assigned in partitions])

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget(partitions)
        self._rebalanced("revoked", partitions)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget(partitions)
        self._rebalanced("lost", partitions)
        self._progress.stands_still(ALL, f"{self._topic}: the group continued without us; joining again")
        self._on_lost()

    def _rebalanced(self, kind: str, partitions: list[TopicPartition]) -> None:
        self._metrics.count("rebalances_total", len(partitions), kind=kind)
        self._metrics.gauge("partitions_assigned", len(self._owned))
        log.info("partitions %s", kind, extra={"partitions": [p.partition for p in partitions]})

    def _forget(self, partitions: list[TopicPartition]) -> None:
        numbers = {partition.partition for partition in partitions}
        for number in numbers:
            if partition := self._owned.pop(number, None):
                self._gone.add(partition)
                self._progress.gone(partition)
            self._next.pop(number, None)
            self._stopped.discard(number)
        self._buffer.keep(lambda record: record.partition not in numbers)

    def _take_gone(self) -> frozenset[Partition]:
        gone, self._gone = frozenset(self._gone), set()
        return gone

    def _trouble(self, error: KafkaError, number: int, offset: int) -> None:
        match reading_of(error):
            case Reading.LOST if number not in self._stopped:  # reported after an unreadable record, too
                self._begin_or_stop(error, number)
            case Reading.UNREADABLE:
                self._stop_partition(error, number, offset)
            case Reading.REFUSED:
                where = number if number in self._owned else ALL
                self._progress.stands_still(where, f"{self._topic}: {error.name()}: {error.str()}")
                log.error("reading is refused", extra={"topic": self._topic, "cause": cause_of(error)})
            case Reading.FATAL:
                raise TransportError(f"the consumer failed permanently: {error.name()}: {error.str()}")
            case Reading.REJOIN:
                log.warning("too slow between two polls; joining again", extra={"cause": cause_of(error)})
            case Reading.PASSING:
                log.warning("transient error: %s", error.name(), extra={"cause": cause_of(error)})

    def _begin_or_stop(self, error: KafkaError, number: int) -> None:
        """Read a partition that is newer than the group from its beginning; any other missing record is lost."""
        where = TopicPartition(self._topic, number)
        try:
            (committed,) = self._consumer.committed([where], timeout=FAILED_CALL_S)
            low, high = self._consumer.get_watermark_offsets(where, timeout=FAILED_CALL_S)
            if committed.offset == NO_OFFSET and low == 0:
                self._go_to(number, 0)
                return
        except KafkaException as exc:
            raise transport_error(exc.args[0], "looking for the first record") from exc
        raise data_lost(self._group, self._topic, number, committed.offset, (low, high), error.name())

    def _stop_partition(self, error: KafkaError, number: int, offset: int) -> None:
        if number in self._stopped or number not in self._owned:
            return
        self._stopped.add(number)
        self._consumer.pause([TopicPartition(self._topic, number)])
        why = f"{self._topic}[{number}] cannot be read at offset {offset} ({error.name()})"
        self._progress.stands_still(number, why)
        log.error(
            "%s.  The partition is stopped, the others continue.  To skip it, stop every worker and run: %s",
            why,
            reset_command(self._group, self._topic, number, offset + 1),
            extra={"topic": self._topic, "partition": number, "offset": offset, "cause": cause_of(error)},
        )
