"""librdkafka's two clients as scripts: what each call raises, and what was called."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition


def failure(
    code: int, *, fatal: bool = False, retriable: bool = False, txn_requires_abort: bool = False
) -> KafkaException:
    """Return what a client raises."""
    return KafkaException(KafkaError(code, "on purpose", fatal, retriable, txn_requires_abort))


class FakeProducer:
    """A transactional producer whose calls fail as ``failures`` says: call name → what it raises, call by call."""

    def __init__(self, failures: dict[str, list[Exception | None]]) -> None:
        self.failures = failures
        self.calls: list[str] = []
        self.records: list[tuple[str, bytes | None]] = []
        self.offsets: list[TopicPartition] = []
        self.on_delivery: Callable[[KafkaError | None, Message], None] | None = None
        self.undelivered: KafkaError | None = None
        self.logger = logging.getLogger("unused")

    def __call__(self, properties: dict[str, Any]) -> "FakeProducer":
        """Stand for the class: "connect" and remember whom to tell of deliveries and of lost connections."""
        self.on_delivery, self.logger = properties["on_delivery"], properties["logger"]
        self._call("connect")
        return self

    def lose_a_connection(self) -> None:
        """Say so, as librdkafka does."""
        self.logger.error("%s [%s] %s", "FAIL", "rdkafka#producer-1", "Disconnected (after 7ms in state UP)")

    def _call(self, name: str) -> None:
        self.calls.append(name)
        waiting = self.failures.get(name)
        if waiting and (raised := waiting.pop(0)) is not None:
            raise raised

    def init_transactions(self, timeout: float) -> None:
        self._call("init_transactions")

    def begin_transaction(self) -> None:
        self._call("begin_transaction")

    def send_offsets_to_transaction(self, offsets: list[TopicPartition], group: object, timeout: float) -> None:
        self._call("send_offsets_to_transaction")
        self.offsets = offsets

    def produce(self, topic: str, value: bytes | None, key: bytes | None, headers: object = None) -> None:
        self._call("produce")
        self.records.append((topic, value))

    def commit_transaction(self, timeout: float) -> None:
        if self.undelivered is not None and self.on_delivery is not None:
            self.on_delivery(self.undelivered, Message(topic="verdicts"))
        self._call("commit_transaction")

    def abort_transaction(self, timeout: float) -> None:
        self._call("abort_transaction")

    def flush(self, timeout: float) -> int:
        self._call("flush")
        return 0

    def poll(self, timeout: float) -> int:
        self._call("poll")
        return 0


class FakeConsumer:
    """A consumer that returns ``script`` item by item: messages, or calls into the rebalance callbacks."""

    def __init__(self) -> None:
        self.script: deque[list[Message] | Callable[[], None]] = deque()
        self.offsets: dict[int, int] = {}
        self.low, self.high = 0, 100
        self.paused: set[int] = set()
        self.sought: dict[int, int] = {}
        self.on_assign: Callable[[Any, list[TopicPartition]], None]
        self.on_revoke: Callable[[Any, list[TopicPartition]], None]
        self.on_lost: Callable[[Any, list[TopicPartition]], None]
        self.failing: dict[str, KafkaException] = {}
        self.asked: list[list[int]] = []

    def __call__(self, properties: dict[str, Any]) -> "FakeConsumer":
        """Stand for the class."""
        return self

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.__dict__.update(callbacks)

    def consume(self, limit: int, timeout: float) -> list[Message]:
        if "consume" in self.failing:
            raise self.failing["consume"]
        if not self.script:
            return []
        step = self.script.popleft()
        if callable(step):
            step()
            return []
        if len(step) > limit:
            self.script.appendleft(step[limit:])
        return step[:limit]

    def list_topics(self, topic: str, timeout: float) -> Any:
        partitions = dict.fromkeys(self.offsets)
        described = type("T", (), {"error": None, "partitions": partitions})
        return type("M", (), {"topics": {topic: described}})

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.asked.append([place.partition for place in partitions])
        if "committed" in self.failing:
            raise self.failing["committed"]
        return [TopicPartition(p.topic, p.partition, self.offsets[p.partition]) for p in partitions]

    def commit(self, offsets: list[TopicPartition], *, asynchronous: bool) -> None:
        if "commit" in self.failing:
            raise self.failing["commit"]
        self.offsets |= {place.partition: place.offset for place in offsets}

    def offsets_for_times(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return [TopicPartition(p.topic, p.partition, 40 if p.partition else -1) for p in partitions]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = 0, *, cached: bool = False
    ) -> tuple[int, int]:
        return self.low, self.high

    def seek(self, partition: TopicPartition) -> None:
        if "seek" in self.failing:
            raise self.failing.pop("seek")
        self.sought[partition.partition] = partition.offset

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {partition.partition for partition in partitions}

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self.sought |= {partition.partition: partition.offset for partition in partitions}

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {partition.partition for partition in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {partition.partition for partition in partitions}

    def consumer_group_metadata(self) -> object:
        return "group"

    def close(self) -> None:
        return
