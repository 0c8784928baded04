"""A source on a scripted consumer, and what it may be told."""

import json
from typing import Final, cast

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from stream.health import Health
from stream.kafka_config import consumer_properties
from stream.metrics import PrometheusMetrics
from stream.records import Chunk
from stream.settings import KafkaSettings
from stream.source import KafkaSource
from stream.start import Start
from tests.support.clocks import ManualClock
from tests.support.fake_clients import FakeConsumer

TOPIC: Final = "chat.events"


class Scene:
    """A source on a scripted consumer, that owns partitions 0 and 1."""

    def __init__(self, read_ahead: int = 4, start: Start = "earliest", offsets: tuple[int, ...] = (0, 0)) -> None:
        self.now = 100.0
        self.losses: list[float] = []
        self.consumer = FakeConsumer()
        self.consumer.offsets = dict(enumerate(offsets))
        self.health = Health(ManualClock(), 10, ("partitions",))
        self.metrics = PrometheusMetrics()
        self.source = KafkaSource(
            TOPIC,
            consumer_properties(KafkaSettings()),
            self.health,
            self.metrics,
            read_ahead,
            start,
            lambda: self.losses.append(self.now),
            cast("type[Consumer]", self.consumer),
            lambda: self.now,
        )

    def joined(self) -> "Scene":
        """Join, and have both partitions assigned."""
        self.source.join()
        self.say(lambda: self.consumer.on_assign(self.consumer, self.places(0, 1)))
        self.source.stay(0)
        return self

    def say(self, *steps: object) -> None:
        """Have the consumer return messages, or call into the source, one after the other."""
        self.consumer.script += steps  # type: ignore[arg-type]  # messages or callbacks

    @staticmethod
    def places(*numbers: int) -> list[TopicPartition]:
        """Return partitions of the topic."""
        return [TopicPartition(TOPIC, number) for number in numbers]

    def waiting(self) -> str:
        """Return what the worker is not ready for."""
        body = self.health.readyz().body
        return str(json.loads(body)["waiting"].get("partitions", ""))

    def samples(self) -> dict[tuple[str, int], float]:
        """Return lag by metric and partition."""
        found = {}
        for family in text_string_to_metric_families(self.metrics.exposition().decode()):
            for sample in family.samples:
                if "lag" in sample.name:
                    found[sample.name.removeprefix("chatwarden_"), int(sample.labels["partition"])] = sample.value
        return found

    def revoke(self, *numbers: int) -> None:
        """Have partitions taken away."""
        self.say(lambda: self.consumer.on_revoke(self.consumer, self.places(*numbers)))


def a_message(partition: int, offset: int, error: int | None = None) -> Message:
    """Return a message of second 42, or an error of a partition."""
    return Message(
        topic=TOPIC,
        partition=partition,
        offset=offset,
        key=b"k",
        value=b"v",
        headers=[("h", b"1")],
        timestamp=(1, 42_000),
        error=None if error is None else KafkaError(error),
    )


def offsets(chunk: Chunk) -> list[tuple[int, int]]:
    """Return where the records of a chunk are from."""
    return [(record.partition, record.offset) for record in chunk.records]
