"""The strikes worker on a real broker: a player who is to be forgotten stays forgotten."""

import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer

from stream.strikes.steps import Erasure
from tests.support.broker import Broker, create_topics
from tests.support.processes import free_port, wait_until
from tests.support.servers import has_local_kafka, unavailable
from tests.support.standings import answers, ask
from tests.support.strikes_trial import PARTITIONS, Trial, ends, feed, is_done, read
from tests.support.verdicts import a_history, a_verdict

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def audited(trial: Trial) -> list[bool]:
    """Return what the audit says of every partition: whether the player was found there."""
    records = (json.loads(message.value() or b"") for message in read(trial.bootstrap, trial.topic("audit")))
    return sorted(record["found"] for record in records)


def request(trial: Trial, *player_ids: str) -> None:
    """Ask every partition to forget players, as an endpoint does."""
    writer = Producer({"bootstrap.servers": trial.bootstrap})
    for player_id in player_ids:
        record = msgspec.json.encode(Erasure(f"of {player_id}", player_id, datetime.now(UTC)))
        for partition in range(PARTITIONS):
            writer.produce(trial.topic("erasures"), record, partition=partition)
    writer.flush()


def test_what_was_said_before_a_request_does_not_come_back_after_it(trial: Trial) -> None:
    """A worker that has a backlog forgets the player behind it, not before."""
    feed(trial, [*a_history(2_000, 100), a_verdict(player_id="p/0")])
    create_topics(trial.bootstrap, {trial.topic("erasures"): PARTITIONS})
    request(trial, "p/0")
    goal, port = ends(trial), free_port()
    url = f"http://127.0.0.1:{port}/v1/players/p%2F0"
    worker = trial.start("worker-0", strikes__port=port)
    wait_until(lambda: len(audited(trial)) == PARTITIONS, 120, "every partition has answered")
    assert audited(trial) == [False] * (PARTITIONS - 1) + [True]
    wait_until(lambda: is_done(trial, goal), 120, "all is tallied")
    assert ask(url)[0] == 404
    worker.kill()


def test_more_requests_than_a_buffer_holds_wait_behind_a_backlog_and_let_it_through(trial: Trial) -> None:
    count = 4_096 // PARTITIONS + 400
    feed(trial, [*a_history(1_500, 100), a_verdict(player_id="p/0")])
    create_topics(trial.bootstrap, {trial.topic("erasures"): PARTITIONS})
    request(trial, "p/0", *(f"nobody-{number}" for number in range(count)))
    goal = ends(trial)
    worker = trial.start("worker-0")
    wait_until(lambda: is_done(trial, goal), 120, "all is tallied")
    wait_until(lambda: len(audited(trial)) == PARTITIONS * (count + 1), 240, "every request is answered")
    assert audited(trial).count(True) == 1
    assert worker.stop(60) == 0, worker.output()[-3_000:]


def test_what_was_counted_but_not_committed_does_not_come_back_after_a_request(trial: Trial) -> None:
    """A worker is killed before it commits; its successor forgets the player, whose verdict it is sent again."""
    feed(trial, [*a_history(2_000, 100), a_verdict(player_id="p/0")])
    goal, port = ends(trial), free_port()
    url = f"http://127.0.0.1:{port}/v1/players/p%2F0"
    worker = trial.start("worker-0", strikes__port=port, strikes__commit_interval_s=60)
    wait_until(lambda: answers(url, 200), 120, "the standing is told")
    worker.kill()
    request(trial, "p/0")
    successor = trial.start("worker-0", strikes__port=port)
    wait_until(lambda: is_done(trial, goal), 120, "all is tallied again")
    wait_until(lambda: len(audited(trial)) == PARTITIONS, 120, "every partition has answered")
    assert ask(url)[0] == 404
    assert successor.stop(60) == 0, successor.output()[-3_000:]


def test_a_request_to_forget_is_answered_while_kafka_is_frozen(tmp_path: Path) -> None:
    if not has_local_kafka():
        unavailable("Kafka that can be frozen", "make kafka (Java 17+ and Maven)")
    broker = Broker(tmp_path / "kafka")
    trial, port = Trial(broker.bootstrap, tmp_path), free_port()
    url = f"http://127.0.0.1:{port}/v1/players/p%2F0"
    try:
        broker.start()
        trial.prepare()
        feed(trial, [a_verdict(player_id="p/0")])
        trial.start("worker-0", strikes__port=port, strikes__session_timeout_s=10)
        wait_until(lambda: answers(url, 200), 120, "the standing is told")
        broker.child.signal(signal.SIGSTOP)
        status, told = ask(url, method="DELETE")
        assert (status, "retry" in str(told["error"]), "request_id" in told) == (503, True, True)
        broker.child.signal(signal.SIGCONT)
        assert ask(url, method="DELETE")[0] == 202
        wait_until(lambda: answers(url, 404), 60, "the player is forgotten")
    finally:
        trial.close()
        broker.stop()
