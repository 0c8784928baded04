"""The loop's decisions, on the fake broker."""

from concurrent.futures import Future

import pytest
from prometheus_client.parser import text_string_to_metric_families

from model.classifier import ClassifierDown
from stream.dead_letters import DeadLetterLimits
from stream.errors import DataLost, Fenced, TooManyDeadLetters, TransportError
from stream.flight import Flight
from stream.health import Health
from stream.metrics import PrometheusMetrics
from stream.records import Chunk, Judged, Partition
from stream.seams import Taken
from stream.settings import DeadLetterSettings
from stream.worker import Surroundings, Worker
from tests.support.clocks import ManualClock
from tests.support.fake_broker import Accident, FakeBroker, FakeSink, FakeSource, Trouble
from tests.support.judges import a_judge, an_event
from tests.support.workers import NO_LIMIT, Bench, at_once

JUDGE = a_judge()
TOPIC = "chat.events"


def test_past_the_limit_it_stops_and_commits_nothing_further() -> None:
    broker = FakeBroker(TOPIC, [[an_event()] * 4 + [b"{"] * 10])
    bench = Bench(broker, JUDGE, 4, DeadLetterSettings(max_consecutive=5, max_ratio=1))
    with pytest.raises(TooManyDeadLetters, match="Nothing further is committed"):
        bench.run()
    assert broker.committed[Partition(TOPIC, 0)] == 8
    with pytest.raises(TooManyDeadLetters):
        Bench(broker, JUDGE, 100, DeadLetterSettings(max_consecutive=5, max_ratio=1)).run()
    assert broker.committed[Partition(TOPIC, 0)] == 8


def test_an_aborted_chunk_counts_its_dead_letters_once() -> None:
    broker = FakeBroker(TOPIC, [[b"{"] * 5])
    Bench(broker, JUDGE, 5, DeadLetterSettings(max_consecutive=5, max_ratio=1)).run([Trouble.ABORT] * 4)
    assert broker.finished


def test_while_the_classifier_is_down_the_stream_is_held_and_not_ready(caplog: pytest.LogCaptureFixture) -> None:
    calls, metrics = 0, PrometheusMetrics()

    def judge(chunk: Chunk) -> Judged:
        nonlocal calls
        calls += 1
        if calls < 4:
            raise ClassifierDown("on purpose")
        assert b"the classifier is down" in bench.health.readyz().body
        assert 'degraded{component="classifier"} 1.0' in metrics.exposition().decode()
        assert broker.committed[Partition(TOPIC, 0)] == 0
        return JUDGE(chunk)

    broker = FakeBroker(TOPIC, [[an_event()] * 2])
    bench = Bench(broker, judge, metrics=metrics)
    started = bench.clock()
    bench.run()
    assert calls == 4
    assert bench.clock() - started > 0.3
    assert bench.health.readyz().status == 200
    assert 'degraded{component="classifier"} 0.0' in metrics.exposition().decode()
    assert caplog.messages[:1] == ["the classifier is down; the stream is held: on purpose"]
    assert caplog.messages[-1:] == ["the classifier is back"]


def test_a_held_chunk_that_goes_to_another_worker_does_not_leave_the_classifier_down() -> None:
    calls = 0

    def judge(chunk: Chunk) -> Judged:
        nonlocal calls
        calls += 1
        if calls == 1:
            broker.generation += 1  # found out while the chunk is held
            raise ClassifierDown("on purpose")
        return JUDGE(chunk)

    broker = FakeBroker(TOPIC, [[an_event()] * 2])
    bench = Bench(broker, judge)
    bench.run()
    assert calls > 1
    assert bench.health.readyz().status == 200


@pytest.mark.parametrize("defect", [ZeroDivisionError, TimeoutError])
def test_a_broken_judge_ends_the_worker_and_commits_nothing(defect: type[Exception]) -> None:
    calls = 0

    def judge(chunk: Chunk) -> Judged:
        nonlocal calls
        calls += 1
        raise defect

    broker = FakeBroker(TOPIC, [[an_event()]])
    with pytest.raises(defect):
        Bench(broker, judge).run()
    assert (calls, broker.transactions) == (1, [])


def test_aborts_are_tried_again_with_growing_waits_and_make_it_unready() -> None:
    broker = FakeBroker(TOPIC, [[an_event()]])
    bench = Bench(broker, JUDGE)
    started = bench.clock()
    bench.run([Trouble.ABORT] * 6)
    assert bench.clock() - started > 1
    assert bench.health.readyz().status == 200


def test_another_owner_of_the_identity_ends_the_worker() -> None:
    broker = FakeBroker(TOPIC, [[an_event()] * 9])

    class Peer(FakeSource):
        def join(self) -> None:
            super().join()
            broker.epoch += 1

    clock = ManualClock()
    source = Peer(broker, clock, lambda: None)
    around = Surroundings(Health(clock, 30), PrometheusMetrics(), clock, clock)
    worker = Worker(source, FakeSink(broker), at_once(JUDGE), DeadLetterLimits(NO_LIMIT), 3, around)
    with pytest.raises(Fenced):
        worker.run()
    assert source.closed
    assert not broker.transactions


def test_only_behind_a_full_chunk_the_next_one_is_taken_before_the_commit() -> None:
    broker = FakeBroker(TOPIC, [[an_event()] * 7])
    seen: list[tuple[int, int]] = []

    def judge(chunk: Chunk) -> Judged:
        seen.append((len(chunk.records), len(broker.transactions)))
        return JUDGE(chunk)

    Bench(broker, judge, 3).run()
    assert seen == [(3, 0), (3, 0), (1, 1)]  # size, and how many were committed when it was taken


def test_caught_up_each_chunk_is_committed_before_the_next_one_is_taken() -> None:
    broker = FakeBroker(TOPIC, [[an_event()] * 4])
    committed: list[int] = []

    class Trickle(FakeSource):
        def take(self, limit: int, wait_s: float) -> Taken:
            return super().take(1, wait_s)

    def judge(chunk: Chunk) -> Judged:
        committed.append(len(broker.transactions))
        return JUDGE(chunk)

    Bench(broker, judge, 3, source=Trickle).run()
    assert committed == [0, 1, 2, 3]


def test_lost_data_ends_the_worker() -> None:
    class Lost(FakeSource):
        def take(self, limit: int, wait_s: float) -> object:  # type: ignore[override]  # it never returns
            raise DataLost("on purpose")

    broker = FakeBroker(TOPIC, [[an_event()]])
    with pytest.raises(DataLost):
        Bench(broker, JUDGE, source=Lost).run()


def test_it_waits_for_a_broker_that_is_away_at_the_start() -> None:
    class Late(FakeSource):
        tries = 0

        def join(self) -> None:
            Late.tries += 1
            if Late.tries < 3:
                raise TransportError("on purpose")
            super().join()

    broker = FakeBroker(TOPIC, [[an_event()]])
    Bench(broker, JUDGE, source=Late).run()
    assert Late.tries == 3


def test_what_happened_is_measured() -> None:
    broker = FakeBroker(TOPIC, [[an_event(), an_event("rotten"), b"{"]])
    clock, metrics = ManualClock(), PrometheusMetrics()
    around = Surroundings(Health(clock, 30), metrics, clock, clock)

    def idle() -> None:
        if broker.finished:
            worker.stop()

    source = FakeSource(broker, clock, idle)
    worker = Worker(
        source,
        FakeSink(broker, [Trouble.ABORT, Trouble.DONE_UNKNOWN]),
        at_once(JUDGE),
        DeadLetterLimits(NO_LIMIT),
        2,
        around,
    )
    worker.run()
    exposition = metrics.exposition().decode()
    for line in (
        'chatwarden_records_consumed_total{partition="0",topic="chat.events"} 1.0',
        'chatwarden_dead_letters_total{cause="not_json"} 1.0',
        'chatwarden_transactions_aborted_total{cause="on_purpose"} 1.0',
        'chatwarden_transactions_aborted_total{cause="outcome_unknown"} 1.0',
        "chatwarden_producers_recreated_total 1.0",
        "chatwarden_transactions_committed_total 1.0",
    ):
        assert line in exposition, line


def test_a_flight_forgets_partitions_that_went_away() -> None:
    broker = FakeBroker(TOPIC, [[an_event()], [an_event()]])
    records = [broker.inputs[Partition(TOPIC, number)][0] for number in (0, 1)]
    chunk = Chunk(records, {Partition(TOPIC, 0): 1, Partition(TOPIC, 1): 1})
    flight = Flight(chunk, Future(), 0)
    flight.drop(frozenset({Partition(TOPIC, 1), Partition(TOPIC, 7)}))
    assert (flight.ends(), flight.void) == ({Partition(TOPIC, 0): 1}, False)
    kept, left = flight.kept(JUDGE(chunk))
    assert (len(kept.results), kept.tally.total(), left) == (1, 1, records[:1])
    flight.drop(frozenset({Partition(TOPIC, 0)}))
    assert flight.void


def test_verdicts_that_another_worker_will_write_are_not_counted() -> None:
    metrics = PrometheusMetrics()
    broker = FakeBroker(TOPIC, [[an_event("rotten")] * 3, [*[an_event()] * 6, Accident.REVOKE]])
    Bench(broker, JUDGE, 4, metrics=metrics).run()
    samples = {
        (sample.name.removeprefix("chatwarden_"), sample.labels.get("action") or sample.labels.get("partition")): sample
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }
    assert samples["records_consumed_total", "1"].value == 6
    assert samples["verdicts_total", "block"].value == 3
    assert samples["verdicts_total", "allow"].value == 6
