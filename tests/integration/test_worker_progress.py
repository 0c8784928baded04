"""What a source on a real broker says of its lag and of what it waits for."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from prometheus_client.parser import text_string_to_metric_families

from stream.errors import TransportError
from stream.health import Health
from stream.kafka_config import consumer_properties
from stream.metrics import PrometheusMetrics
from stream.settings import KafkaSettings
from stream.source import KafkaSource
from tests.support.broker import Broker, admin
from tests.support.servers import has_local_kafka, unavailable
from tests.support.stream_topics import StreamTopics, send

pytestmark = pytest.mark.kafka
PROTOCOLS = pytest.mark.parametrize("protocol", ["classic", "consumer"])


class Scene:
    """A source that reads, driven as the worker drives it, with a wall clock that may be put forward."""

    def __init__(self, topics: StreamTopics, protocol: str = "classic") -> None:
        given = {"bootstrap_servers": topics.bootstrap, "group_id": topics.group, "group_protocol": protocol}
        self.ahead_s = 0.0
        self.metrics = PrometheusMetrics()
        self.health = Health(time.monotonic, 30, ("partitions",), self.metrics)
        self.source = KafkaSource(
            topics.name("events"),
            consumer_properties(KafkaSettings.model_validate(given)),
            self.health,
            self.metrics,
            1_000,
            wall=lambda: time.time() + self.ahead_s,
        )
        self._join()

    def _join(self) -> None:
        """Join as the worker does: a coordinator that is not there yet is asked again."""
        give_up = time.monotonic() + 20
        while True:
            try:
                self.source.join()
            except TransportError:
                assert time.monotonic() < give_up
                time.sleep(0.1)
            else:
                return

    def waiting(self) -> str:
        """Return what the source is not ready for."""
        return str(json.loads(self.health.readyz().body)["waiting"].get("partitions", ""))

    def measured(self) -> tuple[float, float]:
        """Return lag and age of partition 0, negative before they are known."""
        self.source.report()
        found = {
            sample.name.removeprefix("chatwarden_"): sample.value
            for family in text_string_to_metric_families(self.metrics.exposition().decode())
            for sample in family.samples
            if sample.labels.get("partition") == "0"
        }
        return found.get("consumer_lag_records", -1.0), found.get("lag_seconds", -1.0)

    def until(self, what: Callable[[], bool], seconds: float = 40) -> int:
        """Read until something is so; return how many records came."""
        count = 0
        give_up = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < give_up, (self.waiting(), self.measured())
            count += len(self.source.take(100, 0.1).chunk.records)
            self.source.report()
        return count


@pytest.fixture
def topics(kafka: str) -> StreamTopics:
    topics = StreamTopics(kafka, partitions=1)
    topics.create()
    return topics


@pytest.fixture
def scenes() -> Iterator[list[Scene]]:
    """Scenes to be closed."""
    scenes: list[Scene] = []
    yield scenes
    for scene in scenes:
        scene.source.close()


@PROTOCOLS
def test_what_transactional_producers_leave_behind_does_not_wait(
    topics: StreamTopics, scenes: list[Scene], protocol: str
) -> None:
    producer = Producer({"bootstrap.servers": topics.bootstrap, "transactional.id": topics.group})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(topics.name("events"), b"v")
    producer.commit_transaction()
    scenes.append(scene := Scene(topics, protocol))
    assert scene.until(lambda: scene.measured() == (0, 0)) == 1
    scene.ahead_s = 3_600
    assert scene.measured() == (0, 0)
    producer.begin_transaction()
    producer.produce(topics.name("events"), b"v")
    producer.flush()
    scene.until(lambda: scene.measured()[0] == 1)  # held back until its transaction ends
    scene.ahead_s += 60
    assert 60 <= scene.measured()[1] < 100
    producer.abort_transaction()
    assert scene.until(lambda: scene.measured() == (0, 0)) == 0
    scene.source.rewind()
    scene.until(lambda: scene.measured() == (0, 0))


@PROTOCOLS
def test_a_worker_too_many_is_ready(topics: StreamTopics, scenes: list[Scene], protocol: str) -> None:
    scenes.append(first := Scene(topics, protocol))
    first.until(lambda: not first.waiting())
    scenes.append(second := Scene(topics, protocol))

    def both_turn() -> bool:
        first.source.take(1, 0)
        return not second.waiting()

    second.ahead_s = 31  # one protocol tells a worker that there is no partition for it, the other tells it nothing
    second.until(both_turn)
    assert not first.waiting()


def broker_with(folder: Path, *settings: str) -> Broker:
    if not has_local_kafka():
        unavailable("Kafka that may be hurt", "make kafka")
    broker = Broker(folder, *settings)
    broker.start()
    return broker


@pytest.mark.slow
@PROTOCOLS
def test_while_kafka_is_away_it_waits(tmp_path: Path, protocol: str) -> None:
    broker = broker_with(tmp_path)
    try:
        topics = StreamTopics(broker.bootstrap, partitions=1)
        topics.create()
        scene = Scene(topics, protocol)
        scene.until(lambda: scene.measured() == (0, 0))  # the end that was reached is no sign of life
        broker.kill()
        scene.until(lambda: bool(scene.waiting()), 60)
        broker.start()
        scene.until(lambda: not scene.waiting(), 60)
        scene.source.close()
    finally:
        broker.stop()


@pytest.mark.slow
def test_reading_that_was_refused_and_is_allowed_again_is_ready_without_a_record(tmp_path: Path) -> None:
    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    broker = broker_with(tmp_path, f"authorizer.class.name={authorizer}", "allow.everyone.if.no.acl.found=true")
    try:
        topics = StreamTopics(broker.bootstrap, partitions=1)
        topics.create()
        send(topics, [b"1"])
        scene = Scene(topics)
        assert scene.until(lambda: scene.measured() == (0, 0)) == 1
        client = admin(broker.bootstrap)
        place = (ResourceType.TOPIC, topics.name("events"), ResourcePatternType.LITERAL, "User:ANONYMOUS", "*")
        rights = [
            AclBinding(*place, AclOperation.READ, AclPermissionType.DENY),
            AclBinding(*place, AclOperation.DESCRIBE, AclPermissionType.ALLOW),
        ]
        for created in client.create_acls(rights).values():
            created.result(20)
        scene.until(lambda: "TOPIC_AUTHORIZATION_FAILED" in scene.waiting())
        denied = AclBindingFilter(*place, AclOperation.ANY, AclPermissionType.ANY)
        for deleted in client.delete_acls([denied]).values():
            deleted.result(20)
        scene.until(lambda: not scene.waiting())
        scene.source.close()
    finally:
        broker.stop()
