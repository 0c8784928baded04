"""The kill trial: workers are killed at random moments while events stream in; then the oracle speaks."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Message

from tests.support.stream_topics import Outcome, Reader, StreamTopics, event, examine, position_of, send
from tests.support.worker_process import WorkerProcess

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What happens in a trial.  ``halfway`` is called once, when half of the kills are done."""

    kills: int
    events: int
    workers: int = 2
    rate: int = 1_000
    pause: tuple[float, float] = (0.5, 2.0)
    seed: int = 0
    env: dict[str, str] = field(default_factory=dict)
    halfway: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Trial:
    """What came of it.  ``delays_s`` are from append to verdict, sorted."""

    outcome: Outcome
    readers_agree: bool
    kills: int
    seconds: float
    delays_s: list[float]


class _Flow(threading.Thread):
    """Appends events at a rate, from a thread of its own."""

    def __init__(self, topics: StreamTopics, plan: Plan) -> None:
        super().__init__(name="flow", daemon=True)
        self._topics, self._plan = topics, plan
        self.sent = 0
        self.enough = threading.Event()

    def run(self) -> None:
        step = max(self._plan.rate // 10, 1)
        while self.sent < self._plan.events:
            count = self._plan.events - self.sent if self.enough.is_set() else min(step, self._plan.events - self.sent)
            now = time.time()
            numbers = range(self.sent, self.sent + count)
            send(self._topics, [event(number, sent_at=now) for number in numbers], self.sent)
            self.sent += count
            self.enough.wait(0.1)


def read_again(topics: StreamTopics, count: int) -> list[Message]:
    """Read everything that came out, from the beginning, as one who comes later does."""
    reader = Reader(topics)
    records = list(reader.read(lambda found: len(found) >= count, 30))
    reader.take(1.0)
    reader.close()
    return records


def run_trial(topics: StreamTopics, plan: Plan, folder: Path, say: Progress = lambda _: None) -> Trial:
    """Stream events through workers that are killed and started again, then read everything that came out."""
    draw = random.Random(plan.seed)
    topics.create()
    started = time.monotonic()
    flow = _Flow(topics, plan)
    reader = Reader(topics)
    workers = [WorkerProcess(folder, f"w{n}", topics.env(**plan.env)) for n in range(plan.workers)]
    try:
        for worker in workers:
            worker.wait_ready()
        flow.start()
        for kill in range(plan.kills):
            _read_for(reader, draw.uniform(*plan.pause))
            if kill == plan.kills // 2:
                plan.halfway()
            victim = draw.randrange(plan.workers)
            workers[victim].kill()
            workers[victim] = WorkerProcess(folder, f"w{victim}", topics.env(**plan.env))
            say(f"kill {kill + 1} of {plan.kills}: {flow.sent} events sent, {len(reader.records)} records out")
        flow.enough.set()
        flow.join()
        reader.read(lambda found: _covered(topics, found) >= plan.events, 90)
        time.sleep(1)
        reader.take(0.5)
    finally:
        flow.enough.set()
        for worker in workers:
            worker.kill()
        reader.close()
    records = read_again(topics, len(reader.records))
    return Trial(
        outcome=examine(topics, records, plan.events),
        readers_agree=sorted(identity(m) for m in records) == sorted(identity(m) for m in reader.records),
        kills=plan.kills,
        seconds=time.monotonic() - started,
        delays_s=reader.delays(),
    )


def _read_for(reader: Reader, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        reader.take(0.1)


def identity(message: Message) -> tuple[str, int, int]:
    """Return what tells an output record from every other."""
    return str(message.topic()), message.partition() or 0, message.offset() or 0


def _covered(topics: StreamTopics, records: list[Message]) -> int:
    """Count the input positions that came out; a cheap bound first, as this is asked often."""
    if len(records) < 0.9 * topics.partitions:
        return 0
    return len({position_of(message, topics) for message in records})
