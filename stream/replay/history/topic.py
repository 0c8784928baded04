"""A bounded span of a topic, assigned, never subscribed: joins no group, commits nothing, produces nothing.

``TopicAddress`` is everything that a replay knows of Kafka: no group, output topic or producer.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from stream.errors import ChatwardenError, ConfigError, DataLost, TransportError
from stream.replay.history.joined import Joiner
from stream.replay.history.stretch import RawBatch, Stretch

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

_TIMEOUT_S: Final = 20.0
PATIENCE_S: Final = 60.0
"""Maximum wait for the next record of a span that should have one."""
_BATCH: Final = 4_000
"""Records handed on at once: enough for numpy, few enough to stay in the processor's cache."""
_TAKEN: Final = 500
"""Records taken from the client at once: few, so that the client's objects are soon freed and their memory reused."""
_TRIES: Final = 100
_WAIT_S: Final = 0.1
"""Maximum wait for a batch to fill."""
_Answer = TypeVar("_Answer")
_IDLE_GROUP: Final = "chatwarden-replay-never-joined"
"""librdkafka requires a group name; without a subscription or a commit it is never used."""


@dataclass(frozen=True, slots=True)
class TopicAddress:
    """A topic and how to connect (``properties`` go to librdkafka)."""

    bootstrap_servers: str
    topic: str
    properties: Mapping[str, str | int | float | bool] = field(default_factory=dict)


def spans(address: TopicAddress, start_ms: int | None, end_ms: int | None) -> dict[int, tuple[int, int]]:
    """Return, by partition, the offsets from ``start_ms`` to ``end_ms`` (exclusive) by broker timestamps.

    None stands for the oldest record, or the newest committed one.

    Raises:
        ConfigError: the topic does not exist, or the broker rejects us.
        TransportError: Kafka is unavailable.
    """
    from confluent_kafka import KafkaException, TopicPartition

    from stream.reach import greet

    errors: list[KafkaError] = []
    consumer = _consumer(address, errors.append)
    try:
        greet(consumer, errors, {**address.properties, "bootstrap.servers": address.bootstrap_servers})
        topic = consumer.list_topics(address.topic, timeout=_TIMEOUT_S).topics[address.topic]
        if topic.error is not None or not topic.partitions:
            raise ConfigError(f"--topic: there is no topic {address.topic!r} at {address.bootstrap_servers}")
        found: dict[int, tuple[int, int]] = {}
        for partition in sorted(topic.partitions):
            place = TopicPartition(address.topic, partition)
            low, high = _ends(consumer, place)
            start = low if start_ms is None else _offset_at(consumer, place, start_ms, high)
            end = high if end_ms is None else _offset_at(consumer, place, end_ms, high)
            found[partition] = (max(start, low), max(start, low, end))
        return found
    except KafkaException as exc:
        raise _translated(address, exc) from exc
    finally:
        consumer.close()


def _ends(consumer: "Consumer", place: "TopicPartition") -> tuple[int, int]:
    low, high = _answered(lambda: consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S), place)
    return low, high


def _offset_at(consumer: "Consumer", place: "TopicPartition", instant_ms: int, high: int) -> int:
    """Return the first offset that is not older than an instant; the end if none is."""
    from confluent_kafka import TopicPartition

    instant = TopicPartition(place.topic, place.partition, instant_ms)
    (found,) = _answered(lambda: consumer.offsets_for_times([instant], timeout=_TIMEOUT_S), place)
    return high if found.offset < 0 else int(found.offset)


def _answered(ask: Callable[[], _Answer], place: "TopicPartition") -> _Answer:
    """Return the answer about a partition that is there.

    A client that has just connected may not know it yet, and a broker that has just started may not lead it yet.
    """
    from confluent_kafka import KafkaError, KafkaException

    not_yet = {
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
    for _ in range(_TRIES):
        try:
            return ask()
        except KafkaException as exc:
            if exc.args[0].code() not in not_yet:
                raise
            time.sleep(_WAIT_S)
    raise TransportError(f"{place.topic} [{place.partition}]: nobody leads this partition; try again")


class TopicReader:
    """Reads stretches of one topic.  Records fetched beyond a stretch are kept for the next one."""

    def __init__(self, address: TopicAddress, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._clock = clock
        self._connected: Consumer | None = None
        self._next: tuple[int, int] | None = None
        self._ahead: list[Message] = []
        self._ended = -1
        """Where the partition ended when all before that had come.  It is told once, be it in an earlier stretch."""

    def read(self, stretch: Stretch) -> Iterator[RawBatch]:
        """Yield the records of a stretch in order.

        Raises:
            DataLost: records, or the topic, were deleted before they were read.
            TransportError: Kafka is unavailable, or an open transaction holds the span's end for ``PATIENCE_S``.
        """
        from confluent_kafka import Message

        joiner = Joiner()
        offsets: list[NDArray[np.int64]] = []
        for messages in self.messages(stretch):
            joiner.add(list(map(Message.value, messages)))  # half the cost of asking each in a loop of ours
            offsets.append(_offsets(messages))
            messages.clear()  # before the client makes the next ones, which then are put where these were
            if len(joiner) >= _BATCH:
                yield RawBatch(self._address.topic, stretch.partition, np.concatenate(offsets), joiner.take())
                offsets = []
        if len(joiner):
            yield RawBatch(self._address.topic, stretch.partition, np.concatenate(offsets), joiner.take())

    def messages(self, stretch: Stretch) -> "Iterator[list[Message]]":
        """Yield the records of a stretch as client messages, in lists; raises as ``read``."""
        self._seek(stretch.partition, stretch.start)
        reached, heard = stretch.start, self._clock()
        while reached < stretch.end:
            batch = self._fetch(stretch, reached)
            wanted = batch
            if batch and (batch[-1].offset() or 0) >= stretch.end:
                wanted = [message for message in batch if (message.offset() or 0) < stretch.end]
            self._ahead = batch[len(wanted) :]
            if wanted:
                heard = self._clock()
                reached = (wanted[-1].offset() or 0) + 1
                yield wanted
            if self._ahead or self._ended >= stretch.end:
                reached = stretch.end
            elif self._clock() - heard > PATIENCE_S:
                self._give_up(stretch.partition, reached)
        self._next = (stretch.partition, stretch.end)

    def close(self) -> None:
        """Close the client."""
        if self._connected is not None:
            self._connected.close()

    def _give_up(self, partition: int, reached: int) -> NoReturn:
        """Raise for a partition that is silent; a client is not told that a topic has been deleted."""
        from confluent_kafka import KafkaError, KafkaException

        topic = self._address.topic
        try:
            known = self._client.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
        except KafkaException as exc:
            raise _translated(self._address, exc) from exc
        if known.error is None:
            gone = partition not in known.partitions
        else:
            gone = known.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        if gone:
            raise DataLost(
                f"{topic} [{partition}]: deleted before offset {reached} was read; start over with what is left"
            )
        raise TransportError(
            f"{topic} [{partition}]: no records after offset {reached} for {PATIENCE_S:.0f} s; try again"
        )

    @property
    def _client(self) -> "Consumer":
        """The client, which connects only when something is to be read.

        librdkafka asks for a topic's leaders when it connects, and for those of a topic that is named later at its next
        turn, up to a second later.
        """
        if self._connected is None:
            self._connected = _consumer(self._address)
        return self._connected

    def _seek(self, partition: int, offset: int) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        if self._next == (partition, offset):
            return
        self._ahead = []
        self._next = None
        self._ended = -1
        try:
            self._client.assign([TopicPartition(self._address.topic, partition, offset)])
        except KafkaException as exc:
            raise _translated(self._address, exc) from exc

    def _fetch(self, stretch: Stretch, reached: int) -> "list[Message]":
        """Return records; none where the partition has ended before the stretch does, or nothing came for a while."""
        from confluent_kafka import KafkaError, KafkaException, Message

        if self._ahead or self._ended >= stretch.end:
            ahead, self._ahead = self._ahead, []
            return ahead
        try:
            fetched = self._client.consume(min(_TAKEN, stretch.end - reached), _WAIT_S)
        except KafkaException as exc:
            raise _translated(self._address, exc) from exc
        if not any(map(Message.error, fetched)):  # not by ``==``: the client's errors cannot be compared with None
            return fetched
        for message in fetched:
            error = message.error()
            if error is None:
                continue
            if error.code() != KafkaError._PARTITION_EOF:
                _refuse(error, self._address, stretch)
            else:
                self._ended = message.offset() or 0
        return [message for message in fetched if message.error() is None]


def _offsets(messages: "Sequence[Message]") -> NDArray[np.int64]:
    """Return the offsets of records in order; where none is missing, first and last say all."""
    first, last = messages[0].offset() or 0, messages[-1].offset() or 0
    if last - first + 1 == len(messages):
        return np.arange(first, last + 1, dtype=np.int64)
    return np.array([message.offset() for message in messages], np.int64)


def _refuse(error: "KafkaError", address: TopicAddress, stretch: Stretch) -> None:
    """Raise for errors that end a replay; transient ones are left to the client."""
    from confluent_kafka import KafkaError

    where = f"{address.topic} [{stretch.partition}]"
    if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
        raise DataLost(f"{where}: records from offset {stretch.start} on were deleted before they were read")
    if error.fatal() or error.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART):
        raise TransportError(f"{where}: {error.str()}")


def _translated(address: TopicAddress, exc: "KafkaException") -> ChatwardenError:
    return TransportError(f"Kafka at {address.bootstrap_servers}: {exc.args[0].str()}")


def _consumer(address: TopicAddress, on_error: "Callable[[KafkaError], object]" = lambda _: None) -> "Consumer":
    from confluent_kafka import Consumer, KafkaException

    from stream.kafka_errors import transport_error

    properties: dict[str, Any] = {
        "bootstrap.servers": address.bootstrap_servers,
        # Enough to read ahead, and little enough that it is still in the processor's cache when it is looked at.
        "queued.max.messages.kbytes": 8_192,
        "fetch.queue.backoff.ms": 5,
        # A broker holds a request at the end of a partition for this long, and with it the next partition's.
        "fetch.wait.max.ms": 10,
        "fetch.max.bytes": 16_777_216,
        # A response is taken apart whole before its first record comes, and while a partition is left for the next.
        "fetch.message.max.bytes": 2_097_152,
        **address.properties,
        "client.id": "chatwarden-replay",
        "error_cb": on_error,
        "log_level": 0,  # failures end in our own error; a line per attempt is no help
        "group.id": _IDLE_GROUP,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "allow.auto.create.topics": False,
        "check.crcs": True,
    }
    try:
        return Consumer(properties)
    except KafkaException as exc:
        raise transport_error(exc.args[0], "connecting") from exc
