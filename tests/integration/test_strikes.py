"""The strikes worker on a real broker: crashes, rebalances, aborted transactions, malformed records, the end."""

import json
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Producer

from stream.strikes.ladder import Ladders
from stream.strikes.tally import stored_offset
from tests.support.broker import Broker, create_topics
from tests.support.processes import Child, free_port, wait_until
from tests.support.servers import has_local_kafka, unavailable
from tests.support.standings import answers, ask
from tests.support.strikes_trial import (
    PARTITIONS,
    Trial,
    actual,
    committed,
    ends,
    expected,
    feed,
    is_done,
    read,
    verdicts_of,
)
from tests.support.verdicts import a_history, a_verdict

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def stop(*workers: Child) -> None:
    """End workers in the orderly way, and insist that they do."""
    for worker in workers:
        wait_until(partial(Trial.has_begun, worker), 60, "it hears signals")
        worker.signal(signal.SIGTERM)
    for worker in workers:
        assert worker.process.wait(60) == 0, worker.output()[-3_000:]


def test_killed_and_rebalanced_workers_come_to_the_pure_fold(trial: Trial) -> None:
    history = a_history(4_000, 250)
    feed(trial, history[:1_000])
    chance, number = random.Random(5), 2
    workers = [trial.start("worker-0"), trial.start("worker-1")]
    wait_until(lambda: committed(trial) > 0, 120, "the first verdicts are tallied")
    for start in range(1_000, 4_000, 1_000):
        feed(trial, history[start : start + 1_000], per_transaction=chance.choice((10, 200)))
        time.sleep(chance.uniform(0, 1.5))
        victim = chance.randrange(2)
        workers[victim].kill()
        # Half of them come back to their disk, half begin with none.
        name = f"worker-{victim}" if chance.random() < 0.5 else f"worker-{number}"
        workers[victim], number = trial.start(name), number + 1
    goal = ends(trial)
    wait_until(lambda: is_done(trial, goal), 180, "all is tallied")
    stop(*workers)
    wanted, found = expected(trial, Ladders()), actual(trial)
    assert len(wanted.standings) > 100
    assert found.standings == wanted.standings
    assert found.channels == wanted.channels
    assert found.strikes == wanted.strikes
    kinds = {json.loads(body)["kind"] for body in found.strikes.values()}
    assert kinds == {"ladder", "flood", "raid", "pile_on", "pattern"}
    assert len(list(verdicts_of(trial))) == len(history)


def check_dead_letters(trial: Trial) -> None:
    """What was no verdict is kept as it came, with its cause."""
    dead = list(read(trial.bootstrap, trial.topic("dlq")))
    causes = sorted(str(dict(message.headers() or ())["dlq.cause"]) for message in dead)
    assert causes == ["b'not_an_object'", "b'not_json'", "b'null_value'"]
    assert sorted(str(message.value()) for message in dead) == ["None", "b'[]'", "b'{broken'"]
    assert all(dict(message.headers() or ())["mine"] == b"1" for message in dead)


def test_standings_are_told_from_any_worker_and_forgotten_on_request(trial: Trial) -> None:
    ports = free_port(), free_port()
    workers = [trial.start(f"worker-{number}", strikes__port=port) for number, port in enumerate(ports)]
    history = [a_verdict(str(index), index, player_id=f"p/{index % 7}") for index in range(70)]
    feed(trial, history)
    malformed = Producer({"bootstrap.servers": trial.bootstrap})
    for value in (b"{broken", None, b"[]"):
        malformed.produce(trial.topic("verdicts"), value, b"key", headers=[("mine", b"1")])
    malformed.flush()
    urls = [f"http://127.0.0.1:{port}/v1/players/p%2F{number}" for port in ports for number in range(7)]
    for url in urls:
        wait_until(lambda url=url: answers(url, 200), 120, url)  # type: ignore[misc]  # bound at once
    goal = ends(trial)
    wait_until(lambda: is_done(trial, goal), 120, "all is tallied")
    status, told = ask(urls[0])
    assert (status, told["player_id"]) == (200, "p/0")
    games = told["games"]
    assert isinstance(games, dict)
    ids = [offence["verdict_id"] for offence in games["default"]["offences"]]
    assert ids == [verdict.verdict_id for verdict in history[::7]]
    assert games["default"]["strikes"][-1]["action"] == "mute"
    assert ask(urls[0], "wrong")[0] == 401
    assert ask(urls[0].replace("%2F0", "nobody"))[0] == 404

    status, accepted = ask(urls[0], method="DELETE")
    assert status == 202
    for url in (urls[0], urls[7]):
        wait_until(lambda url=url: answers(url, 404), 60, "the player is forgotten")  # type: ignore[misc]  # bound at once
    assert ask(urls[1])[0] == 200
    wait_until(lambda: len(list(read(trial.bootstrap, trial.topic("audit")))) == 4, 60, "the audit is complete")
    audit = [json.loads(message.value() or b"") for message in read(trial.bootstrap, trial.topic("audit"))]
    assert {record["request_id"] for record in audit} == {accepted["request_id"]}
    assert sum(record["found"] for record in audit) == 1
    assert "p/0" not in json.dumps(audit)
    stop(*workers)
    assert not [place for place in actual_standings(trial) if place[1] == b"p/0"]
    assert not [
        line for worker in workers for line in worker.output().splitlines() if "p/" in line.replace("http/", "")
    ]
    check_dead_letters(trial)


def actual_standings(trial: Trial) -> dict[tuple[int, bytes], bytes]:
    found: dict[tuple[int, bytes], bytes] = {}
    for message in read(trial.bootstrap, trial.changelog("standings")):
        place = (message.partition() or 0, message.key() or b"")
        value = message.value()
        if value is None:
            found.pop(place, None)
        else:
            assert stored_offset(value) >= 0
            found[place] = value
    return found


def test_a_frozen_worker_is_replaced_and_does_no_harm_when_it_wakes(trial: Trial) -> None:
    history = a_history(600, 40)
    feed(trial, history[:300])
    frozen, other = trial.start("worker-0"), trial.start("worker-1")
    half = ends(trial)
    wait_until(lambda: is_done(trial, half), 120, "the first half is tallied")
    frozen.signal(signal.SIGSTOP)
    feed(trial, history[300:])
    goal = ends(trial)
    wait_until(lambda: is_done(trial, goal), 120, "the other one takes over")
    frozen.signal(signal.SIGCONT)
    time.sleep(1)
    stop(frozen, other)
    assert actual(trial).standings == expected(trial, Ladders()).standings


def test_sigterm_ends_a_worker_whose_kafka_is_away(tmp_path: Path) -> None:
    if not has_local_kafka():
        unavailable("Kafka that can be killed", "make kafka (Java 17+ and Maven)")
    broker = Broker(tmp_path / "kafka")
    trial = Trial(broker.bootstrap, tmp_path)
    try:
        broker.start()
        trial.prepare()
        feed(trial, a_history(300, 20))
        goal, worker = ends(trial), trial.start("worker-0", strikes__shutdown_s=3)
        wait_until(lambda: is_done(trial, goal), 120, "all is tallied")
        broker.kill()
        worker.signal(signal.SIGTERM)
        assert worker.process.wait(30) == 0, "nothing was in hand"
        homeless = trial.start("worker-1")
        wait_until(lambda: homeless.output().count("waiting for Kafka: kafka.bootstrap_servers") > 1, 60, "it waits")
        broker.start()
        feed(trial, a_history(100, 20), seed=4)
        goal = ends(trial)
        wait_until(lambda: is_done(trial, goal), 120, "all is tallied once Kafka is back")
        stop(homeless)
    finally:
        trial.close()
        broker.stop()


def test_more_replicas_than_brokers_are_a_matter_of_configuration(trial: Trial) -> None:
    worker = trial.start("worker-0", strikes__replication_factor=3)
    assert worker.process.wait(60) == 2
    assert "cannot be created" in worker.output()
    assert "set strikes.replication_factor to no more than the cluster has brokers" in worker.output()


def test_a_clock_that_is_ahead_silences_no_player(trial: Trial) -> None:
    now = datetime.now(UTC)
    ahead = now + timedelta(days=366)
    feed(trial, [a_verdict(at.isoformat(), player_id="p/0", sent_at=at, decided_at=at) for at in (ahead, now)])
    refused: list[str] = []
    writer = Producer({"bootstrap.servers": trial.bootstrap})
    told = lambda error, _: refused.append(error.name())  # noqa: E731 - what librdkafka calls
    writer.produce(trial.topic("verdicts"), b"{}", b"p/0", timestamp=round(ahead.timestamp() * 1_000), on_delivery=told)
    writer.flush(30)
    assert refused == ["INVALID_TIMESTAMP"]
    port, goal = free_port(), ends(trial)
    worker = trial.start("worker-0", strikes__port=port)
    wait_until(lambda: is_done(trial, goal), 120, "all is tallied")
    games = ask(f"http://127.0.0.1:{port}/v1/players/p%2F0")[1]["games"]
    assert isinstance(games, dict)
    standing = games["default"]
    assert len(standing["offences"]) == 2
    assert standing["points"] == pytest.approx(4, abs=0.1)
    assert datetime.fromisoformat(standing["as_of"]) < now + timedelta(minutes=5)
    stop(worker)
    assert actual(trial).same_as(expected(trial, Ladders()))


def test_a_data_directory_has_one_worker(trial: Trial) -> None:
    one = trial.start("worker-0")
    wait_until(lambda: (trial.folder / "worker-0" / "lock").exists(), 60, "the first worker is there")
    time.sleep(0.2)
    other = trial.start("worker-0")
    assert other.process.wait(60) == 2
    assert "strikes.data_dir" in other.output()
    one.kill()


@pytest.mark.parametrize(
    ("stranger", "code", "said"),
    [
        (b"nonsense", 77, "standings-changelog partition 2, offsets 0 to 0"),
        (b"\x01" + bytes(8) + b"\xc1", 70, "a record could not be processed"),
    ],
)
def test_a_state_that_cannot_be_read_ends_the_worker(trial: Trial, stranger: bytes, code: int, said: str) -> None:
    create_topics(trial.bootstrap, {trial.changelog("standings"): PARTITIONS})
    writer = Producer({"bootstrap.servers": trial.bootstrap})
    writer.produce(trial.changelog("standings"), stranger, b"player", 2)
    verdict = a_verdict(player_id="player").model_dump_json().encode()
    writer.produce(trial.topic("verdicts"), verdict, b"player", 2)
    writer.flush()
    worker = trial.start("worker-0")
    assert worker.process.wait(60) == code
    assert said in worker.output()
    assert committed(trial) == 0
