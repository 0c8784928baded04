"""The strikes worker on a broker that goes away while it runs."""

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.strikes.ladder import Ladders
from stream.strikes.logs import REPEAT_S
from tests.support.broker import Broker
from tests.support.processes import wait_until
from tests.support.servers import has_local_kafka, unavailable
from tests.support.strikes_trial import Trial, actual, committed, ends, expected, feed, is_done
from tests.support.verdicts import a_history

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if not has_local_kafka():
        unavailable("Kafka that can be killed", "make kafka (Java 17+ and Maven)")
    broker = Broker(tmp_path / "kafka")
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def trial(broker: Broker, tmp_path: Path) -> Iterator[Trial]:
    trial = Trial(broker.bootstrap, tmp_path)
    trial.prepare()
    yield trial
    trial.close()


def test_a_worker_that_cannot_say_what_it_tallied_ends_with_75_and_its_successor_waits(
    broker: Broker, trial: Trial
) -> None:
    feed(trial, a_history(2_000, 200))
    worker = trial.start("worker-0")
    wait_until(lambda: committed(trial) > 0, 120, "the first verdicts are tallied")
    broker.kill()
    assert worker.process.wait(90) == 75, worker.output()[-3_000:]
    last = json.loads(worker.output().splitlines()[-1])
    assert (last["code"], last["cause"]) == (75, "TransportError")

    successor = trial.start("worker-0")
    wait_until(lambda: "waiting for Kafka: " in successor.output(), 60, "it waits")
    broker.start()
    goal = ends(trial)
    wait_until(lambda: is_done(trial, goal), 120, "all is tallied")
    assert successor.stop(60) == 0, successor.output()[-3_000:]
    assert actual(trial).same_as(expected(trial, Ladders()))


def test_a_worker_that_is_asked_to_stop_with_work_in_hand_while_kafka_is_away_ends_with_75(
    broker: Broker, trial: Trial
) -> None:
    feed(trial, a_history(3_000, 200))
    worker = trial.start("worker-0", strikes__shutdown_s=3)
    wait_until(lambda: committed(trial) > 0, 120, "the first verdicts are tallied")
    broker.kill()
    worker.signal(signal.SIGTERM)
    assert worker.process.wait(30) == 75, worker.output()[-3_000:]
    last = json.loads(worker.output().splitlines()[-1])
    assert last["message"] == "not done within 3 s; what is in hand is left to the next owner"


def test_a_worker_with_nothing_to_say_outlives_an_outage_and_its_log_stays_short(broker: Broker, trial: Trial) -> None:
    began = time.monotonic()
    feed(trial, a_history(100, 20))
    goal, worker = ends(trial), trial.start("worker-0")
    wait_until(lambda: is_done(trial, goal), 120, "all is tallied")
    broker.kill()
    time.sleep(1.5 * REPEAT_S)
    broker.start()
    feed(trial, a_history(100, 20), seed=4)
    later = ends(trial)
    wait_until(lambda: is_done(trial, later), 120, "all is tallied once Kafka is back")
    lines = [json.loads(line) for line in worker.output().splitlines()]
    said = Counter(line["message"] for line in lines if line["logger"].startswith("chatwarden.aiokafka"))
    assert "Unable connect to node with id 1: ConnectionRefusedError" in said
    assert max(said.values()) <= 1 + (time.monotonic() - began) / REPEAT_S
    assert max(line.get("left_out", 0) for line in lines) > 10
    assert worker.stop(60) == 0, worker.output()[-3_000:]
