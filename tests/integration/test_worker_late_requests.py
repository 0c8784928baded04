"""Transactions over a network that loses, repeats and delays exactly the requests that matter."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Producer

from stream.errors import OutcomeUnknown
from stream.kafka_config import producer_properties
from stream.records import Outgoing, Partition
from stream.settings import KafkaSettings, TopicSettings
from stream.sink import KafkaSink
from tests.support.broker import Broker
from tests.support.coordinators import wait_for_coordinators
from tests.support.fault_proxy import (
    ADD_OFFSETS,
    ADD_PARTITIONS,
    END_TXN,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    Fault,
    FaultProxy,
    fault_proxy,
)
from tests.support.processes import free_port, wait_until
from tests.support.servers import has_local_kafka, unavailable
from tests.support.stream_topics import OUTPUTS, Reader, StreamTopics, event, examine, send
from tests.support.worker_process import WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

INVALID_PRODUCER_EPOCH, PRODUCER_FENCED = 47, 90
REQUESTS: Final = (PRODUCE, ADD_PARTITIONS, ADD_OFFSETS, TXN_OFFSET_COMMIT, END_TXN)


class Network:
    """A broker, and a bad way to it."""

    def __init__(self, broker: Broker, proxy: FaultProxy, port: int) -> None:
        self.broker, self.proxy, self.bad_way = broker, proxy, f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Start both."""
    if not has_local_kafka():
        unavailable("Kafka behind a proxy", "make kafka")
    port, behind = free_port(), free_port()
    broker = Broker(tmp_path_factory.mktemp("kafka"), proxied_port=behind, advertised_port=port)
    broker.start()
    # No consumer joins before the sink commits here, and librdkafka waits past every time-out for a group's first
    # coordinator: docs/reliability.md, limits.
    wait_for_coordinators(broker.bootstrap)
    with fault_proxy(port, behind) as proxy:
        yield Network(broker, proxy, port)
    broker.stop()


@pytest.fixture
def topics(network: Network) -> StreamTopics:
    """Topics of a test's own, at the good address."""
    topics = StreamTopics(network.broker.bootstrap, partitions=2)
    topics.create()
    return topics


def a_sink(network: Network, topics: StreamTopics) -> KafkaSink:
    names = {role: topics.name(role) for role in ("events", *OUTPUTS)}
    kafka = KafkaSettings.model_validate({"bootstrap_servers": network.bad_way, "group_id": topics.group})
    return KafkaSink(TopicSettings.model_validate(names), producer_properties(kafka, "slot"), topics.group)


def seen(topics: StreamTopics, wait_s: float = 1.0) -> list[bytes]:
    """Return the verdicts that a reader of committed records sees now."""
    reader = Reader(topics, ["verdicts"])
    reader.read(lambda _: False, wait_s)
    reader.close()
    return sorted(message.value() or b"" for message in reader.records)


def test_a_late_order_to_commit_finds_no_transaction_that_it_could_end(network: Network, topics: StreamTopics) -> None:
    sink = a_sink(network, topics)
    sink.renew()
    group = topics.group_metadata()
    places = [Partition(topics.name("events"), 0)]
    network.proxy.hurt(END_TXN, Fault.LATE)
    sink.commit([Outgoing(b"p", b"first", None)], dict.fromkeys(places, 1), group, 10)
    assert seen(topics) == [b"first"]  # librdkafka has repeated the order by itself
    with pytest.raises(OutcomeUnknown, match="a connection was lost"):
        sink.commit([Outgoing(b"p", b"second", None)], dict.fromkeys(places, 2), group, 10)
    sink.renew()
    assert network.proxy.release() in (INVALID_PRODUCER_EPOCH, PRODUCER_FENCED)
    sink.commit([Outgoing(b"p", b"second", None)], dict.fromkeys(places, 2), group, 10)
    assert seen(topics) == [b"first", b"second"]


def test_without_a_new_producer_the_late_order_would_commit_half_a_transaction(
    network: Network, topics: StreamTopics
) -> None:
    producer = Producer({"bootstrap.servers": network.bad_way, "transactional.id": topics.suffix, "log_level": 0})
    producer.init_transactions(20)
    network.proxy.hurt(END_TXN, Fault.LATE)
    producer.begin_transaction()
    producer.produce(topics.name("verdicts"), b"first")
    producer.commit_transaction(20)
    producer.begin_transaction()
    producer.produce(topics.name("verdicts"), b"half of the second")
    producer.flush(20)
    assert network.proxy.release() == 0
    assert b"half of the second" in seen(topics)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNANSWERED])
def test_nothing_is_lost_or_doubled_whatever_request_the_network_breaks(
    network: Network, topics: StreamTopics, tmp_path: Path, fault: Fault
) -> None:
    events, rounds = 1_000, 2
    env = {**topics.env(PIPELINE__CHUNK_SIZE="32"), "CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS": network.bad_way}
    worker = WorkerProcess(tmp_path, "a", env)
    reader = Reader(topics)
    before = network.proxy.done
    try:
        worker.wait_ready(60)
        for key in REQUESTS * rounds:
            network.proxy.hurt(key, fault)
        for first in range(0, events, 50):
            send(topics, map(event, range(first, first + 50)), first)
            time.sleep(0.1)
        wait_until(lambda: topics.settled() == events, 90, "everything is committed")
        reader.read(lambda found: len(found) >= events * 1.1, 10)
    finally:
        worker.kill()
        reader.close()
    assert network.proxy.done - before == len(REQUESTS) * rounds
    assert "Traceback" not in worker.output()
    outcome = examine(topics, reader.records, events)
    assert outcome.sound, outcome
