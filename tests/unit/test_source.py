"""What the source makes of what the consumer says."""

import pytest
from confluent_kafka import KafkaError

from stream.errors import ConfigError, DataLost, TransportError
from stream.health import Health
from stream.kafka_config import consumer_properties
from stream.metrics import NoMetrics
from stream.records import Partition
from stream.settings import KafkaSettings
from stream.source import KafkaSource
from stream.start import parse_start
from tests.support.clocks import ManualClock
from tests.support.fake_clients import failure
from tests.support.sources import TOPIC, Scene, a_message, offsets


def test_records_carry_all_that_a_dead_letter_needs() -> None:
    scene = Scene().joined()
    scene.say([a_message(1, 7)])
    (record,) = scene.source.take(10, 0).chunk.records
    assert (record.value, record.key, record.headers, record.timestamp_ms) == (b"v", b"k", (("h", b"1"),), 42_000)
    assert (record.topic, record.partition, record.offset) == (TOPIC, 1, 7)


def test_ends_are_the_last_record_given_out_not_the_last_one_read() -> None:
    scene = Scene().joined()
    scene.say([a_message(0, n) for n in range(4)])
    scene.source.stay(0)
    chunk = scene.source.take(2, 0).chunk
    assert chunk.ends == {Partition(TOPIC, 0): 2}
    assert offsets(scene.source.take(9, 0).chunk) == [(0, 2), (0, 3)]


def test_records_of_a_revoked_partition_are_dropped_and_reported() -> None:
    scene = Scene().joined()
    scene.say([a_message(0, 0), a_message(1, 0)])
    scene.source.stay(0)
    scene.revoke(1)
    taken = scene.source.take(9, 0)
    assert (offsets(taken.chunk), taken.gone) == ([(0, 0)], frozenset({Partition(TOPIC, 1)}))
    scene.say([a_message(1, 1)])
    assert offsets(scene.source.take(9, 0).chunk) == []


def test_lost_partitions_are_gone_too() -> None:
    scene = Scene().joined()
    scene.say(lambda: scene.consumer.on_lost(scene.consumer, scene.places(0, 1)))
    assert scene.source.take(9, 0).gone == {Partition(TOPIC, 0), Partition(TOPIC, 1)}
    assert scene.losses == [100.0]


def test_a_partition_that_comes_back_starts_where_it_is_told() -> None:
    scene = Scene().joined()
    scene.say([a_message(0, 5)])
    scene.source.take(9, 0)
    scene.revoke(0)
    scene.say(lambda: scene.consumer.on_assign(scene.consumer, scene.places(0)), [a_message(0, 3)])
    scene.source.stay(0)
    scene.source.stay(0)
    assert offsets(scene.source.take(9, 0).chunk) == [(0, 3)]


def test_a_record_that_is_in_flight_already_is_not_taken_twice() -> None:
    scene = Scene().joined()
    scene.say([a_message(0, 5)])
    scene.source.take(9, 0)
    scene.say([a_message(0, 5), a_message(0, 6)])
    assert offsets(scene.source.take(9, 0).chunk) == [(0, 6)]


def test_it_pauses_when_enough_is_read_ahead_and_goes_on_after() -> None:
    scene = Scene(read_ahead=2).joined()
    scene.say([a_message(0, 0), a_message(0, 1), a_message(0, 2)])
    scene.source.stay(0)
    assert scene.consumer.paused == {0, 1}
    scene.source.take(1, 0)
    assert scene.consumer.paused == set()


def test_a_rebalance_while_paused_does_not_leave_partitions_paused() -> None:
    scene = Scene(read_ahead=2).joined()
    scene.say([a_message(0, 0), a_message(0, 1)])
    scene.source.stay(0)
    scene.say(lambda: scene.consumer.on_assign(scene.consumer, scene.places(2)))
    scene.source.stay(0)
    assert scene.consumer.paused == {0, 1, 2}
    scene.source.take(2, 0)
    assert scene.consumer.paused == set()


def test_rewinding_goes_to_the_committed_offsets_and_drops_what_was_read() -> None:
    scene = Scene().joined()
    scene.say([a_message(0, 5), a_message(1, 9)])
    scene.source.stay(0)
    scene.consumer.offsets = {0: 4, 1: -1001}
    scene.source.rewind()
    assert scene.consumer.sought == {0: 4, 1: 0}
    scene.say([a_message(0, 4)])
    assert offsets(scene.source.take(9, 0).chunk) == [(0, 4)]


def test_rewinding_is_tried_again_when_the_broker_is_away() -> None:
    scene = Scene().joined()
    scene.consumer.failing["committed"] = failure(KafkaError._TRANSPORT)
    with pytest.raises(TransportError):
        scene.source.rewind()


def test_an_unreadable_record_stops_its_partition_and_says_how_to_skip_it(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene().joined()
    scene.say([a_message(0, 0), a_message(1, 8, KafkaError._BAD_MSG), a_message(1, 9), a_message(0, 1)])
    assert offsets(scene.source.take(9, 0).chunk) == [(0, 0), (0, 1)]
    assert scene.consumer.paused == {1}
    assert b"cannot be read at offset 8" in scene.health.readyz().body
    assert "--topic chat.events:1 --reset-offsets --to-offset 9 --execute" in caplog.text
    scene.say([a_message(1, 10), a_message(1, 8, KafkaError._AUTO_OFFSET_RESET)])
    assert offsets(scene.source.take(9, 0).chunk) == []


@pytest.mark.parametrize(("committed", "low"), [(5, 9), (-1001, 9)])
def test_records_that_were_deleted_unread_stop_the_worker(committed: int, low: int) -> None:
    scene = Scene().joined()
    scene.consumer.offsets[0], scene.consumer.low = committed, low
    scene.say([a_message(0, 0, KafkaError._AUTO_OFFSET_RESET)])
    with pytest.raises(DataLost, match=r"deleted before they were read.*--to-offset 9"):
        scene.source.take(9, 0)


def test_a_partition_that_is_newer_than_the_group_is_read_from_its_beginning() -> None:
    scene = Scene().joined()
    scene.consumer.offsets[1] = -1001
    scene.consumer.failing["seek"] = failure(KafkaError._STATE)  # as librdkafka does, for it does not read there yet
    scene.say([a_message(1, 0, KafkaError._AUTO_OFFSET_RESET)])
    scene.source.take(9, 0)
    assert scene.consumer.sought == {1: 0}


def test_a_topic_we_may_not_read_is_not_ready_and_asked_again() -> None:
    scene = Scene().joined()
    scene.say([a_message(0, 0, KafkaError.TOPIC_AUTHORIZATION_FAILED)])
    scene.source.take(9, 0)
    assert b"TOPIC_AUTHORIZATION_FAILED" in scene.health.readyz().body


def test_passing_trouble_passes() -> None:
    scene = Scene().joined()
    passing = [a_message(0, 0, code) for code in (KafkaError._ALL_BROKERS_DOWN, KafkaError._MAX_POLL_EXCEEDED)]
    scene.say([*passing, a_message(0, 0)])
    assert len(scene.source.take(1, 0).chunk.records + scene.source.take(9, 0).chunk.records) == 1


def test_a_consumer_that_is_broken_for_good_ends_the_worker() -> None:
    scene = Scene().joined()
    scene.consumer.failing["consume"] = failure(KafkaError._FATAL, fatal=True)
    with pytest.raises(TransportError):
        scene.source.take(9, 0)


NEW = (-1001, -1001)


@pytest.mark.parametrize(
    ("start", "first"),
    [("earliest", {0: 3, 1: 3}), ("latest", {0: 100, 1: 100}), ("2026-01-01T00:00:00Z", {0: 100, 1: 40})],
)
def test_a_new_group_starts_where_it_is_told(start: str, first: dict[int, int]) -> None:
    scene = Scene(start=parse_start(start), offsets=NEW)
    scene.consumer.low = 3
    scene.source.join()
    assert scene.consumer.offsets == first


def test_a_group_with_offsets_keeps_them() -> None:
    scene = Scene(start="latest", offsets=(5, -1001))
    scene.source.join()
    assert scene.consumer.offsets == {0: 5, 1: -1001}


@pytest.mark.parametrize("text", ["yesterday", "2026-01-01", "2026-01-01T00:00:00"])
def test_a_start_that_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--start"):
        parse_start(text)


def test_a_property_that_librdkafka_does_not_know_is_a_wrong_setting() -> None:
    properties = consumer_properties(KafkaSettings(properties={"nonsense": 1}))
    with pytest.raises(ConfigError, match="nonsense"):
        KafkaSource(TOPIC, properties, Health(ManualClock(), 10, ()), NoMetrics(), 10)
