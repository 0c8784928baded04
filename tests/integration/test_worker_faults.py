"""The worker's promise on a real broker while processes die, stand still, meet their double or lose their input."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.support.broker import Broker, admin
from tests.support.processes import wait_until
from tests.support.servers import has_local_kafka, unavailable
from tests.support.stream_topics import Outcome, Reader, StreamTopics, event, examine, position_of, send
from tests.support.trial import Plan, run_trial
from tests.support.worker_process import HANGS, WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

QUICK = {"KAFKA__PROPERTIES": '{ "session.timeout.ms" = 2000, "heartbeat.interval.ms" = 500 }'}
SMALL = {"PIPELINE__CHUNK_SIZE": "64", **QUICK}


@pytest.fixture
def topics(kafka: str) -> StreamTopics:
    """Topics of a test's own."""
    topics = StreamTopics(kafka, partitions=4)
    topics.create()
    return topics


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that may be hurt."""
    if not has_local_kafka():
        unavailable("Kafka that may be killed", "make kafka")
    broker = Broker(tmp_path / "kafka")
    broker.start()
    yield broker
    broker.stop()


def outcome_of(topics: StreamTopics, sent: int, outputs: int, timeout: float = 40) -> Outcome:
    """Read until there are as many output records as there should be, and a moment longer; examine them."""
    reader = Reader(topics)
    reader.read(lambda found: len(found) >= outputs, timeout)
    reader.take(0.5)
    reader.close()
    return examine(topics, reader.records, sent)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_nothing_is_lost_or_doubled_when_workers_are_killed(kafka: str, tmp_path: Path, protocol: str) -> None:
    env = {"KAFKA__GROUP_PROTOCOL": protocol, **SMALL}
    if protocol == "consumer":
        del env["KAFKA__PROPERTIES"]  # its session time-out is the broker's
    trial = run_trial(StreamTopics(kafka), Plan(3, 3_000, rate=500, pause=(0.5, 1.5), env=env), tmp_path)
    assert trial.outcome.sound, trial
    assert trial.readers_agree


def test_a_worker_that_stood_still_too_long_is_fenced_and_comes_back(topics: StreamTopics, tmp_path: Path) -> None:
    workers = [WorkerProcess(tmp_path, slot, topics.env(**SMALL)) for slot in "ab"]
    try:
        for worker in workers:
            worker.wait_ready()
        for second in range(10):
            if second == 2:
                workers[0].signal(signal.SIGSTOP)
            if second == 7:
                workers[0].signal(signal.SIGCONT)
            send(topics, map(event, range(second * 300, second * 300 + 300)), second * 300)
            time.sleep(0.6)
        outcome = outcome_of(topics, 3_000, 3_300)
        assert outcome.sound, outcome
        assert workers[0].alive
        wait_until(workers[0].is_ready, 20, "the fenced worker is ready again")
    finally:
        for worker in workers:
            worker.kill()


def test_of_two_workers_with_one_slot_one_leaves(topics: StreamTopics, tmp_path: Path) -> None:
    first = WorkerProcess(tmp_path, "same", topics.env(**SMALL))
    (tmp_path / "other").mkdir()
    second = None
    try:
        first.wait_ready()
        send(topics, map(event, range(500)))
        second = WorkerProcess(tmp_path / "other", "same", topics.env(**SMALL))
        second.wait_ready()
        sent = 500
        give_up = time.monotonic() + 40
        while first.alive and second.alive and time.monotonic() < give_up:
            send(topics, map(event, range(sent, sent + 100)), sent)
            sent += 100
            time.sleep(0.2)
        assert (first.process.poll(), second.process.poll()) == (76, None)
        assert "give each worker its own --slot" in first.output()
        outcome = outcome_of(topics, sent, sent + sent // 10)
        assert outcome.sound, outcome
    finally:
        for worker in (first, second):
            if worker is not None:
                worker.kill()


def test_a_worker_that_hangs_in_a_call_of_its_client_ends_and_leaves_its_work(
    topics: StreamTopics, tmp_path: Path
) -> None:
    hasty = '"session.timeout.ms" = 2000, "max.poll.interval.ms" = 3000, "transaction.timeout.ms" = 2000'
    env = topics.env(KAFKA__PROPERTIES=f"{{ {hasty} }}", PIPELINE__CHUNK_SIZE="64")
    hanging = WorkerProcess(tmp_path, "a", {**env, HANGS: "yes"})
    other = None
    try:
        hanging.wait_ready()
        send(topics, map(event, range(1_000)))
        other = WorkerProcess(tmp_path, "b", env)
        wait_until(lambda: '"live": false' in hanging.livez(), 60, "/livez says that the loop hangs")
        assert hanging.process.wait(60) == 75
        assert "the loop hangs, at" in hanging.output()
        assert "send_offsets_to_transaction" in hanging.output()
        outcome = outcome_of(topics, 1_000, 1_100)
        assert outcome.sound, outcome
    finally:
        for worker in (hanging, other):
            if worker is not None:
                worker.kill()


def test_the_broker_dies_and_comes_back(broker: Broker, tmp_path: Path) -> None:
    topics = StreamTopics(broker.bootstrap)
    topics.create()
    worker = WorkerProcess(tmp_path, "a", topics.env(**SMALL))
    try:
        worker.wait_ready()
        send(topics, map(event, range(1_000)))
        assert outcome_of(topics, 1_000, 1_100).sound
        # Between transactions: see docs/reliability.md for what this broker does within one.
        wait_until(lambda: topics.settled() == 1_000, 30, "the offsets are settled")
        broker.kill()
        time.sleep(2)
        assert worker.alive
        broker.start()
        send(topics, map(event, range(1_000, 2_000)), 1_000)
        outcome = outcome_of(topics, 2_000, 2_200, 60)
        assert outcome.sound, outcome
        wait_until(worker.is_ready, 30, "the worker is ready again")
        assert worker.stop() == 0
    finally:
        worker.kill()


def test_sigterm_finishes_what_is_in_hand_in_time(topics: StreamTopics, tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, "a", topics.env(**SMALL))
    try:
        worker.wait_ready()
        send(topics, map(event, range(5_000)))
        started = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - started <= 5
        restarted = WorkerProcess(tmp_path, "a", topics.env(**SMALL))
        try:
            outcome = outcome_of(topics, 5_000, 5_500)
            assert outcome.sound, outcome
        finally:
            restarted.kill()
    finally:
        worker.kill()


def test_deleted_records_stop_the_worker_loudly(topics: StreamTopics, tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, "a", topics.env(**SMALL))
    try:
        worker.wait_ready()
        send(topics, map(event, range(400)))
        outcome_of(topics, 400, 440)
        worker.stop()
        send(topics, map(event, range(400, 800)), 400)
        client = admin(topics.bootstrap)
        for deleted in client.delete_records([TopicPartition(topics.name("events"), 0, 150)]).values():
            deleted.result(10)
        worker = WorkerProcess(tmp_path, "a", topics.env(**SMALL))
        assert worker.process.wait(40) == 77
        assert "deleted before they were read" in worker.output()
    finally:
        worker.kill()


def test_a_batch_that_rots_on_the_disk_stops_its_partition_and_no_other(broker: Broker, tmp_path: Path) -> None:
    topics = StreamTopics(broker.bootstrap, partitions=2)
    topics.create()
    send(topics, map(event, range(200)))
    (segment,) = (tmp_path / "kafka" / "data" / f"{topics.name('events')}-0").glob("*.log")
    rotten = bytearray(segment.read_bytes())
    rotten[-9] ^= 0xFF
    segment.write_bytes(rotten)
    worker = WorkerProcess(tmp_path, "a", topics.env(**SMALL))
    try:
        wait_until(lambda: "cannot be read" in worker.output(), 40, "the worker has met the batch")
        reader = Reader(topics, ["verdicts"])
        reader.read(lambda found: len(found) >= 100, 30)
        reader.take(1)
        reader.close()
        assert Counter(position_of(message, topics)[0] for message in reader.records) == {1: 100}
        command = f"--topic {topics.name('events')}:0 --reset-offsets --to-offset"
        assert command in worker.output()
        assert not worker.is_ready()
        assert worker.alive
    finally:
        worker.kill()


def test_a_partition_that_is_added_is_read_from_its_beginning(topics: StreamTopics, tmp_path: Path) -> None:
    quick = {"KAFKA__PROPERTIES": '{ "topic.metadata.refresh.interval.ms" = 1000, "metadata.max.age.ms" = 1000 }'}
    worker = WorkerProcess(tmp_path, "a", topics.env(**quick), start="latest")
    try:
        worker.wait_ready()
        client: AdminClient = admin(topics.bootstrap)
        events = topics.name("events")
        client.create_partitions([NewPartitions(events, topics.partitions + 1)])[events].result(10)
        wider = StreamTopics(topics.bootstrap, topics.partitions + 1, topics.suffix)
        send(wider, map(event, range(500)))
        reader = Reader(topics)
        reader.read(lambda found: len(found) >= 550, 40)
        reader.close()
        outcome = examine(wider, reader.records, 500)
        assert outcome.sound, outcome
    finally:
        worker.kill()
