"""How far behind a partition is said to be, and when one that stands still makes the worker unready."""

import pytest
from confluent_kafka import KafkaError, Message

from tests.support.fake_clients import failure
from tests.support.sources import Scene, a_message


def end(partition: int, offset: int) -> Message:
    return a_message(partition, offset, KafkaError._PARTITION_EOF)


def refusal(partition: int) -> Message:
    return a_message(partition, 0, KafkaError.TOPIC_AUTHORIZATION_FAILED)


def read(scene: Scene, *messages: Message) -> None:
    scene.say(list(messages))
    scene.source.take(99, 0)


def measured(scene: Scene, high: int) -> tuple[float, float]:
    """Return lag and age of partition 0 when it ends at ``high``."""
    scene.consumer.high = high
    scene.source.report()
    samples = scene.samples()
    return samples["consumer_lag_records", 0], samples["lag_seconds", 0]


def test_from_a_backlog_the_oldest_is_about_as_old_as_the_last_one_taken() -> None:
    scene = Scene().joined()
    read(scene, a_message(0, 89))  # of second 42, at second 100
    assert measured(scene, 100) == (10, 58)
    scene.revoke(0, 1)
    scene.source.stay(0)
    assert scene.samples() == {}


def test_marks_of_transactions_do_not_wait() -> None:
    scene = Scene().joined()
    read(scene, a_message(0, 89), end(0, 91))
    assert measured(scene, 91) == (0, 0)
    scene.now += 3_600
    assert measured(scene, 91) == (0, 0)


def test_after_a_quiet_hour_what_comes_has_waited_since_it_came() -> None:
    scene = Scene().joined()
    read(scene, a_message(0, 89), end(0, 91))
    scene.now += 3_600
    assert measured(scene, 91) == (0, 0)
    scene.now += 1
    assert measured(scene, 93) == (2, 1)  # held back by an open transaction, or not yet read
    scene.now += 60
    assert measured(scene, 93) == (2, 61)


def test_going_back_to_a_committed_offset_counts_what_is_read_again() -> None:
    scene = Scene().joined()
    read(scene, a_message(0, 89), end(0, 91))
    scene.consumer.offsets = {0: 80, 1: 0}
    scene.source.rewind()
    assert measured(scene, 91) == (11, 58)


def test_a_partition_that_may_be_read_again_is_ready_again() -> None:
    scene = Scene().joined()
    read(scene, a_message(0, 4), refusal(0))
    assert "TOPIC_AUTHORIZATION_FAILED" in scene.waiting()
    read(scene, a_message(0, 5))
    assert scene.waiting() == ""


def test_what_was_read_before_a_refusal_does_not_end_it() -> None:
    scene = Scene().joined()
    scene.say([a_message(0, 4), refusal(0)])
    scene.source.stay(0)
    assert scene.source.take(9, 0).chunk.records
    assert "TOPIC_AUTHORIZATION_FAILED" in scene.waiting()


@pytest.mark.parametrize("leaving", ["a record", "a rebalance", "a report"])
def test_one_that_moves_does_not_hide_another_that_stands_still(leaving: str) -> None:
    scene = Scene().joined()
    read(scene, a_message(0, 4), refusal(0), a_message(1, 8, KafkaError._BAD_MSG))
    read(scene, end(1, 12))  # was on its way when the partition was stopped
    assert "(and 1 more)" in scene.waiting()
    if leaving == "a record":
        read(scene, a_message(0, 5))
    elif leaving == "a rebalance":
        scene.revoke(0)
        scene.say(lambda: scene.consumer.on_assign(scene.consumer, scene.places(2)))
        for _ in range(2):
            scene.source.stay(0)
    else:
        read(scene, a_message(0, 5))
        scene.now += 31
        scene.source.report()
    assert "chat.events[1] cannot be read at offset 8" in scene.waiting()
    assert "more" not in scene.waiting()
    scene.revoke(1)
    scene.source.stay(0)
    assert scene.waiting() == ""


def test_where_reading_was_refused_it_is_tried_again() -> None:
    scene = Scene().joined()
    read(scene, a_message(0, 4), a_message(1, 8), refusal(0), a_message(1, 9, KafkaError._BAD_MSG))
    scene.now += 11
    scene.source.report()
    assert scene.consumer.sought == {0: 5}
    read(scene, end(0, 5))
    assert "TOPIC_AUTHORIZATION_FAILED" not in scene.waiting()


def test_a_topic_that_is_not_there_is_ready_again_once_it_is() -> None:
    scene = Scene().joined()
    read(scene, a_message(-1, 0, KafkaError.UNKNOWN_TOPIC_OR_PART))
    assert "UNKNOWN_TOPIC_OR_PART" in scene.waiting()
    read(scene, a_message(1, 0))
    assert scene.waiting() == ""


def test_a_worker_that_lost_its_partitions_waits_for_them() -> None:
    scene = Scene().joined()
    scene.say(lambda: scene.consumer.on_lost(scene.consumer, scene.places(0, 1)))
    scene.source.stay(0)
    assert "joining again" in scene.waiting()
    scene.say(lambda: scene.consumer.on_assign(scene.consumer, []))
    scene.source.stay(0)
    assert scene.waiting() == ""


def test_partitions_that_are_ours_and_never_read_are_asked_about_at_once_and_not_ready() -> None:
    scene = Scene().joined()
    scene.consumer.asked.clear()
    scene.consumer.failing["committed"] = failure(KafkaError._TIMED_OUT)
    scene.source.report()
    assert (scene.waiting(), scene.consumer.asked) == ("", [])
    scene.now += 31
    for _ in range(3):
        scene.source.report()
    assert scene.consumer.asked == [[0, 1]]
    assert "find-hanging" in scene.waiting()
    read(scene, a_message(0, 5), a_message(1, 5))
    assert scene.waiting() == ""


def test_partitions_that_are_empty_are_not_stuck_while_kafka_answers() -> None:
    scene = Scene().joined()
    scene.consumer.asked.clear()
    read(scene, end(0, 0))
    scene.now += 31
    scene.source.report()
    assert (scene.waiting(), scene.consumer.asked) == ("", [[0, 1]])


def test_an_end_that_was_reached_does_not_hide_that_kafka_is_away() -> None:
    scene = Scene().joined()
    read(scene, end(0, 0), end(1, 0))
    scene.consumer.failing["committed"] = failure(KafkaError._TRANSPORT)
    scene.now += 31
    scene.source.report()
    assert "events[0]" in scene.waiting()
    del scene.consumer.failing["committed"]
    scene.now += 31
    scene.source.report()
    assert scene.waiting() == ""


def test_a_worker_without_a_partition_is_ready_while_kafka_answers() -> None:
    scene = Scene()
    scene.source.join()
    scene.consumer.asked.clear()
    scene.source.report()
    assert (scene.waiting(), scene.consumer.asked) == ("starting", [])
    scene.now += 31
    for _ in range(3):
        scene.source.report()
    assert (scene.waiting(), scene.consumer.asked) == ("", [[0]])
    scene.consumer.failing["committed"] = failure(KafkaError._TRANSPORT)
    scene.now += 31
    scene.source.report()
    assert "Kafka does not answer" in scene.waiting()
    del scene.consumer.failing["committed"]
    scene.now += 31
    scene.source.report()
    assert scene.waiting() == ""
