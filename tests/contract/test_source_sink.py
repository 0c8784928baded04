"""One suite for the worker's two seams, on the fake broker and on a real one."""

import time
from collections.abc import Iterator
from typing import Protocol

import pytest
from confluent_kafka import Consumer, TopicPartition

from stream.errors import Fenced, OutcomeUnknown
from stream.health import Health
from stream.kafka_config import consumer_properties, producer_properties
from stream.metrics import NoMetrics
from stream.records import Chunk, Outgoing
from stream.seams import Sink, Source
from stream.settings import KafkaSettings, TopicSettings
from stream.sink import KafkaSink
from stream.source import KafkaSource
from tests.support.clocks import ManualClock
from tests.support.fake_broker import FakeBroker, FakeSink, FakeSource
from tests.support.stream_topics import Reader, StreamTopics, send

VALUES = [b"v%d" % number for number in range(10)]


class Scene(Protocol):
    """A broker with one partition that holds ``VALUES``."""

    def source(self) -> Source: ...

    def sink(self) -> Sink: ...

    def committed(self) -> int: ...

    def written(self) -> list[bytes]: ...


class FakeScene:
    """In memory."""

    def __init__(self) -> None:
        self._broker = FakeBroker("events", [VALUES])

    def source(self) -> Source:
        return FakeSource(self._broker, ManualClock(), lambda: None)

    def sink(self) -> Sink:
        return FakeSink(self._broker)

    def committed(self) -> int:
        return next(iter(self._broker.committed.values()))

    def written(self) -> list[bytes]:
        results = [result for transaction in self._broker.transactions for result in transaction.results]
        return [result.verdict for result in results if isinstance(result, Outgoing)]


class KafkaScene:
    """On a real broker."""

    def __init__(self, bootstrap: str, protocol: str) -> None:
        self._topics = StreamTopics(bootstrap, partitions=1)
        self._topics.create()
        send(self._topics, VALUES)
        given = {"bootstrap_servers": bootstrap, "group_id": self._topics.group, "group_protocol": protocol}
        self._settings = KafkaSettings.model_validate(given)

    def source(self) -> Source:
        health = Health(time.monotonic, 30, ())
        return KafkaSource(self._topics.name("events"), consumer_properties(self._settings), health, NoMetrics(), 4)

    def sink(self) -> Sink:
        names = {role: self._topics.name(role) for role in ("events", "verdicts", "flagged", "dead_letters")}
        topics = TopicSettings.model_validate(names)
        return KafkaSink(topics, producer_properties(self._settings, "slot"), self._topics.group)

    def committed(self) -> int:
        consumer = Consumer({"bootstrap.servers": self._topics.bootstrap, "group.id": self._topics.group})
        (place,) = consumer.committed([TopicPartition(self._topics.name("events"), 0)], timeout=20)
        consumer.close()
        return place.offset

    def written(self) -> list[bytes]:
        reader = Reader(self._topics, ["verdicts"])
        reader.read(lambda _: False, 1.5)
        reader.close()
        return [message.value() or b"" for message in reader.records]


REAL = [pytest.param(protocol, marks=pytest.mark.kafka) for protocol in ("classic", "consumer")]


@pytest.fixture(params=["fake", *REAL])
def scene(request: pytest.FixtureRequest) -> Scene:
    """Each kind of broker."""
    if request.param == "fake":
        return FakeScene()
    return KafkaScene(request.getfixturevalue("kafka"), request.param)


@pytest.fixture
def joined(scene: Scene) -> Iterator[tuple[Source, Sink]]:
    """A source that reads and a sink that writes."""
    source, sink = scene.source(), scene.sink()
    sink.renew()
    source.join()
    yield source, sink
    sink.close()
    source.close()


def take(source: Source, count: int) -> Chunk:
    """Take exactly ``count`` records; real ones may come in pieces."""
    chunk = Chunk([])
    give_up = time.monotonic() + 30
    while len(chunk.records) < count and time.monotonic() < give_up:
        more, _ = source.take(count - len(chunk.records), 0.2)
        chunk = Chunk(chunk.records + more.records, {**chunk.ends, **more.ends})
    return chunk


def results(chunk: Chunk) -> list[Outgoing]:
    return [Outgoing(b"p", record.value or b"", None) for record in chunk.records]


def test_records_come_in_order_and_end_behind_the_last(joined: tuple[Source, Sink]) -> None:
    source, _ = joined
    chunk = take(source, 3)
    source.stay(0.1)  # whatever is read ahead is no part of it
    assert [(record.offset, record.value) for record in chunk.records] == list(enumerate(VALUES[:3]))
    assert list(chunk.ends.values()) == [3]
    rest = take(source, 7)
    assert ([record.value for record in rest.records], list(rest.ends.values())) == (VALUES[3:], [10])
    assert not source.take(5, 0.1).chunk.records


def test_results_and_offsets_are_written_together(scene: Scene, joined: tuple[Source, Sink]) -> None:
    source, sink = joined
    for count in (3, 4):
        chunk = take(source, count)
        sink.commit(results(chunk), chunk.ends, source.group(), 10)
    assert (scene.committed(), scene.written()) == (7, VALUES[:7])


def test_rewinding_repeats_what_was_not_committed_and_nothing_else(joined: tuple[Source, Sink]) -> None:
    source, sink = joined
    chunk = take(source, 3)
    sink.commit(results(chunk), chunk.ends, source.group(), 10)
    take(source, 4)
    source.stay(0.1)
    source.rewind()
    assert [record.value for record in take(source, 7).records] == VALUES[3:]


def test_the_next_member_starts_at_the_committed_offset(scene: Scene, joined: tuple[Source, Sink]) -> None:
    source, sink = joined
    chunk = take(source, 6)
    sink.commit(results(chunk), chunk.ends, source.group(), 10)
    take(source, 2)
    source.close()
    heir = scene.source()
    heir.join()
    assert [record.value for record in take(heir, 4).records] == VALUES[6:]
    heir.close()


def test_who_renews_last_fences_the_others(scene: Scene, joined: tuple[Source, Sink]) -> None:
    source, sink = joined
    chunk = take(source, 3)
    sink.commit(results(chunk), chunk.ends, source.group(), 10)
    heir = scene.sink()
    heir.renew()
    rest = take(source, 2)
    with pytest.raises((Fenced, OutcomeUnknown)):
        sink.commit(results(rest), rest.ends, source.group(), 10)
    heir.commit(results(rest), rest.ends, source.group(), 10)
    assert (scene.committed(), scene.written()) == (5, VALUES[:5])


def test_a_sink_may_be_renewed_and_goes_on(scene: Scene, joined: tuple[Source, Sink]) -> None:
    source, sink = joined
    for _ in range(2):
        sink.renew()
        chunk = take(source, 2)
        sink.commit(results(chunk), chunk.ends, source.group(), 10)
    assert (scene.committed(), scene.written()) == (4, VALUES[:4])
