"""How the loop ends when it is told to stop: with all that was in hand committed, or with a word about what is left."""

from concurrent.futures import Future

import pytest

from model.classifier import ClassifierDown
from stream.dead_letters import DeadLetterLimits
from stream.errors import TransportError
from stream.health import Health
from stream.metrics import PrometheusMetrics
from stream.records import Chunk, Judged, Partition
from stream.worker import LEAVE_S, Surroundings, Worker
from tests.support.clocks import ManualClock
from tests.support.fake_broker import FakeBroker, FakeSink, FakeSource, Trouble
from tests.support.judges import a_judge, an_event
from tests.support.workers import NO_LIMIT, Bench

JUDGE = a_judge()
TOPIC = "chat.events"


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
    with pytest.raises(TransportError, match="no time was left to commit 2 of the chunks in hand"):
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


def test_a_worker_that_is_stopped_while_the_classifier_is_down_says_that_work_is_left() -> None:
    def judge(chunk: Chunk) -> Judged:
        worker.stop()
        raise ClassifierDown("on purpose")

    broker = FakeBroker(TOPIC, [[an_event()] * 2])
    worker = Bench(broker, judge).a_worker()
    with pytest.raises(TransportError, match="no time was left"):
        worker.run()
    assert not broker.transactions


@pytest.mark.parametrize("trouble", [Trouble.DONE_UNKNOWN, Trouble.UNDONE_UNKNOWN])
def test_a_worker_whose_last_transaction_is_unknown_says_so(trouble: Trouble) -> None:
    def judge(chunk: Chunk) -> Judged:
        worker.stop()
        return JUDGE(chunk)

    broker = FakeBroker(TOPIC, [[an_event()] * 2])
    worker = Bench(broker, judge).a_worker([trouble])
    with pytest.raises(TransportError, match="outcome of a transaction is unknown"):
        worker.run()
