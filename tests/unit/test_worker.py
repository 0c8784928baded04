"""The loop's decisions, on the fake broker."""

from concurrent.futures import Future

import pytest

from model.classifier import ClassifierDown
from stream.dead_letters import DeadLetterLimits
from stream.errors import DataLost, Fenced, TooManyDeadLetters, TransportError
from stream.health import Health
from stream.metrics import PrometheusMetrics
from stream.records import Chunk, Judged, Partition
from stream.seams import Taken
from stream.settings import DeadLetterSettings
from stream.worker import LEAVE_S, Flight, Surroundings, Worker
from tests.support.clocks import ManualClock
from tests.support.fake_broker import FakeBroker, FakeSink, FakeSource, Trouble
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


def test_while_the_classifier_is_down_the_stream_is_held_and_not_ready() -> None:
    calls = 0

    def judge(chunk: Chunk) -> Judged:
        nonlocal calls
        calls += 1
        if calls < 4:
            raise ClassifierDown("on purpose")
        assert b"the classifier is down" in bench.health.readyz().body
        assert broker.committed[Partition(TOPIC, 0)] == 0
        return JUDGE(chunk)

    broker = FakeBroker(TOPIC, [[an_event()] * 2])
    bench = Bench(broker, judge)
    started = bench.clock()
    bench.run()
    assert calls == 4
    assert bench.clock() - started > 0.3
    assert bench.health.readyz().status == 200


def test_a_broken_judge_ends_the_worker_and_commits_nothing() -> None:
    def judge(chunk: Chunk) -> Judged:
        raise ZeroDivisionError

    broker = FakeBroker(TOPIC, [[an_event()]])
    with pytest.raises(ZeroDivisionError):
        Bench(broker, judge).run()
    assert not broker.transactions


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


class Patience:
    """A worker whose judge never answers, and a clock that its source moves."""

    def __init__(self) -> None:
        self.broker = FakeBroker(TOPIC, [[an_event()] * 9])
        self.clock = ManualClock()
        self.source = FakeSource(self.broker, self.clock, lambda: None)
        self.sink = FakeSink(self.broker)
        around = Surroundings(Health(self.clock, 30), PrometheusMetrics(), self.clock, self.clock)
        self.waiting: list[Future[Judged]] = []
        self.worker = Worker(self.source, self.sink, self._submit, DeadLetterLimits(NO_LIMIT), 3, around)

    def _submit(self, chunk: Chunk) -> Future[Judged]:
        self.worker.stop()
        future: Future[Judged] = Future()
        self.waiting.append(future)
        return future


def test_it_leaves_in_time_when_the_judge_hangs() -> None:
    scene = Patience()

    class Ticking(FakeSource):
        def take(self, limit: int, wait_s: float) -> object:  # type: ignore[override]  # only the time matters
            scene.clock.advance(0.5)
            return super().take(limit, wait_s)

        def stay(self, wait_s: float) -> frozenset[Partition]:
            scene.clock.advance(0.5)
            return super().stay(wait_s)

    scene.source.__class__ = Ticking
    started = scene.clock()
    scene.worker.run()
    assert scene.clock() - started <= LEAVE_S + 1
    assert (scene.source.closed, scene.sink.closed, scene.broker.transactions) == (True, True, [])


def test_a_stopped_worker_commits_what_is_in_hand() -> None:
    broker = FakeBroker(TOPIC, [[an_event()] * 9])
    bench = Bench(broker, JUDGE)
    worker = bench.a_worker()

    def judge(chunk: Chunk) -> Judged:
        worker.stop()
        return JUDGE(chunk)

    bench._judge = judge  # noqa: SLF001 - the judge needs the worker that needs the judge
    worker = bench.a_worker()
    worker.run()
    assert broker.committed[Partition(TOPIC, 0)] == 3


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
        'chatwarden_producers_recreated_total{cause="outcome_unknown"} 1.0',
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
    assert flight.kept(JUDGE(chunk))[1] == records[:1]
    flight.drop(frozenset({Partition(TOPIC, 0)}))
    assert flight.void
