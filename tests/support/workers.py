"""Workers on the fake broker: no threads, no time but the test's."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future

from stream.dead_letters import DeadLetterLimits
from stream.health import Health
from stream.metrics import Metrics, NoMetrics
from stream.records import Chunk, Judged
from stream.settings import DeadLetterSettings
from stream.worker import Surroundings, Worker
from tests.support.clocks import ManualClock
from tests.support.fake_broker import Crashed, FakeBroker, FakeSink, FakeSource, Trouble

NO_LIMIT = DeadLetterSettings(max_ratio=1.0, max_consecutive=10**9)


def at_once(judge: Callable[[Chunk], Judged]) -> Callable[[Chunk], "Future[Judged]"]:
    """Judge where one is asked to, without a thread."""

    def submit(chunk: Chunk) -> "Future[Judged]":
        future: Future[Judged] = Future()
        try:
            future.set_result(judge(chunk))
        except Exception as exc:  # as an executor does: whoever waits for the answer gets it
            future.set_exception(exc)
        return future

    return submit


class Bench:
    """Runs a worker on a broker until the input is done, over as many lives as it takes."""

    def __init__(
        self,
        broker: FakeBroker,
        judge: Callable[[Chunk], Judged],
        chunk_size: int = 3,
        limits: DeadLetterSettings = NO_LIMIT,
        source: type[FakeSource] = FakeSource,
        metrics: Metrics | None = None,
    ) -> None:
        self.broker = broker
        self.clock = ManualClock()
        self.health = Health(self.clock, 30, ("producer",))
        self._judge = judge
        self._chunk_size = chunk_size
        self._limits = limits
        self._source = source
        self._metrics = metrics or NoMetrics()

    def run(self, troubles: Iterable[Trouble] = (), lives: int = 100) -> int:
        """Run to the end; return how many lives it took.  Raises what ends a worker for good."""
        waiting = iter(troubles)
        for life in range(1, lives + 1):
            try:
                self.a_worker(waiting).run()
            except Crashed:
                continue
            if self.broker.finished:
                return life
        raise AssertionError(f"not finished after {lives} lives")

    def a_worker(self, troubles: Iterable[Trouble] = ()) -> Worker:
        """Build a worker that stops by itself when nothing is left to do, or nothing happens for long."""
        idle_calls = 0

        def idle() -> None:
            nonlocal idle_calls
            idle_calls += 1
            if self.broker.finished or idle_calls > 1_000:
                worker.stop()

        source = self._source(self.broker, self.clock, idle)
        around = Surroundings(self.health, self._metrics, self.clock, self.clock)
        limits = DeadLetterLimits(self._limits)
        sink = FakeSink(self.broker, troubles)
        worker = Worker(source, sink, at_once(self._judge), limits, self._chunk_size, around)
        return worker
