"""Topics for ``tests.bench.backtest``: events, a live worker that catches up on the first, verdicts on the others."""

import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition

from model.classifier import ClassifierResolver, on_grid
from model.resolver import Answer, Scores
from model.scorer import Scorer
from schemas.codec import Event, decode_event
from stream import wiring
from stream.judge import Judge, text_of
from stream.records import Chunk, Outgoing, Record
from stream.settings import load_settings
from tests.support.broker import admin, create_topics
from tests.support.chatlog import lines
from tests.support.processes import Child, wait_until

PARTITIONS: Final = 4
TOPICS: Final = {
    "events": "chat.events",
    "verdicts": "moderation.verdicts",
    "flagged": "moderation.flagged",
    "dead_letters": "chat.events.dlq",
}
GROUP: Final = "chatwarden"
AGAIN: Final = "again-"
"""What names of topics and groups begin with where the live rate is measured once more."""


@dataclass
class Bench:
    """What a trial works with; ``env`` is what every command gets, ``texts`` what is said (none: made up).

    Modules are compiled once into the folder, as those of an installed package are.
    """

    bootstrap: str
    folder: Path
    events: int
    live: int
    workers: int
    texts: Sequence[str] = ()
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.env = {
            "PYTHONPATH": ".",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(self.folder / "compiled"),
            "OMP_NUM_THREADS": "1",
            "CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS": self.bootstrap,
        }

    @cached_property
    def onlooker(self) -> Consumer:
        """Return a client that asks for ends of topics and joins nothing."""
        return self.onlooker_of(GROUP)

    def onlooker_of(self, group: str) -> Consumer:
        """Return a client that asks for a group's offsets and joins nothing."""
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "log_level": 0})

    def lines(self) -> Iterator[bytes]:
        return lines(self.events, texts=self.texts)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "stream", *arguments]


class StandIn:
    """A classifier that gives what the network gave to other texts past the gate, a little changed by each text."""

    def __init__(self, texts: Sequence[str]) -> None:
        scorer = wiring.scorer(load_settings())
        decoded = [decode_event(line) for line in lines(6_000, seed=2, texts=texts)]
        seen = [text_of(event, scorer) for event in decoded if isinstance(event, Event)]
        self._pool = [
            each.scores for each in scorer(seen) if isinstance(each, Answer) and each.resolved_by == "classifier"
        ]

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        return [self._score(zlib.crc32(text.encode())) for text in texts]

    def _score(self, digest: int) -> Scores:
        scores = self._pool[digest % len(self._pool)]
        own = digest // len(self._pool) % 40 / 1_000
        return on_grid([max(0.0, scores[0] - own), *scores[1:]])


def live(bench: Bench, prefix: str = "") -> dict[str, Any]:
    """Produce the first events and let one worker catch up; the rate is that from its first commit to its last.

    ``prefix`` begins the names of its topics and its group.
    """
    topics = {name: prefix + topic for name, topic in TOPICS.items()}
    create_topics(bench.bootstrap, dict.fromkeys(topics.values(), PARTITIONS))
    _produce(bench, list(islice(bench.lines(), bench.live)), topic=topics["events"])
    named = {f"CHATWARDEN__TOPICS__{name.upper()}": topic for name, topic in topics.items()}
    env = {**bench.env, **named, "CHATWARDEN__KAFKA__GROUP_ID": prefix + GROUP}
    onlooker = bench.onlooker_of(prefix + GROUP)

    def committed() -> int:
        return _committed(onlooker, topics["events"])

    worker = Child(bench.command("run", "--start", "earliest"), bench.folder / f"{prefix}worker.log", env=env)
    try:
        wait_until(lambda: committed() > 0 or not worker.alive, 180, "the worker's first commit")
        first, at, cpu = committed(), time.monotonic(), cpu_s(worker.process.pid)
        wait_until(lambda: committed() >= bench.live or not worker.alive, 3_600, "the worker's last commit")
        seconds, cpu = time.monotonic() - at, cpu_s(worker.process.pid) - cpu
    finally:
        worker.stop()
        onlooker.close()
    return rates(bench.live - first, seconds, cpu)


def record(bench: Bench, reached: Callable[[int], None]) -> dict[str, Any]:
    """Produce the other events, and their verdicts by the shipped rules, gate and policy and a stand-in classifier.

    ``reached`` is told after each few thousand how many events there are.
    """
    first = wiring.scorer(load_settings(overrides={"pipeline.resolvers": ("rules", "gate")}))
    resolvers = [*first.resolvers, ClassifierResolver(StandIn(bench.texts))]
    scorer = Scorer(first.taxonomy, resolvers, "0" * 32, first.packs, first.identify)
    judge = Judge(scorer, wiring.decider(load_settings(), first.taxonomy), b"key", lambda: datetime.now(UTC))
    producer = _producer(bench)
    events = islice(bench.lines(), bench.live, None)
    started, number = time.monotonic(), bench.live
    while values := list(islice(events, 5_000)):
        _produce(bench, values, number)
        places = [divmod(each, PARTITIONS) for each in range(number, number + len(values))]
        records = [Record(v, offset, "chat.events", p) for v, (offset, p) in zip(values, places, strict=True)]
        for result in judge(Chunk(records)).results:
            if isinstance(result, Outgoing):
                producer.produce("moderation.verdicts", result.verdict, result.key)
        producer.flush(60)
        number += len(values)
        reached(number)
    return {"events": number, "seconds": round(time.monotonic() - started, 1)}


def state(bench: Bench) -> list[Any]:
    """Return every group's offsets and every topic's ends, as JSON has them; none of a live rate measured again."""
    client = admin(bench.bootstrap)
    groups = []
    for group in sorted(client.list_consumer_groups().result(10).valid, key=lambda each: each.group_id):
        if group.group_id.startswith(AGAIN):
            continue
        (future,) = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group.group_id)]).values()
        places = sorted([p.topic, p.partition, p.offset] for p in future.result(10).topic_partitions)
        groups.append([group.group_id, places])
    ends = [
        [topic, p, *bench.onlooker.get_watermark_offsets(TopicPartition(topic, p), timeout=10)]
        for topic in TOPICS.values()
        for p in range(PARTITIONS)
    ]
    return [
        groups,
        ends,
        sorted(topic for topic in client.list_topics(timeout=10).topics if not topic.startswith(AGAIN)),
    ]


def rates(count: int, seconds: float, cpu: float) -> dict[str, Any]:
    """Return a count per second of the clock and of the processor."""
    return {
        "count": count,
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu, 1),
        "per_s": round(count / seconds),
        "per_cpu_s": round(count / cpu),
    }


def _producer(bench: Bench) -> Producer:
    return Producer({"bootstrap.servers": bench.bootstrap, "linger.ms": 20, "compression.type": "lz4"})


def _produce(bench: Bench, values: Sequence[bytes], first: int = 0, topic: str = TOPICS["events"]) -> None:
    producer = _producer(bench)
    for number, value in enumerate(values, first):
        producer.produce(topic, value, partition=number % PARTITIONS)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush(60)


def _committed(onlooker: Consumer, topic: str) -> int:
    """Return how far the worker is; 0 while the broker has nobody yet to ask for a group.

    Not by the administrator's client: it crashes the process where a group's coordinator is not there yet.
    """
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    try:
        return sum(max(0, place.offset) for place in onlooker.committed(places, timeout=10))
    except KafkaException:
        return 0


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has taken.

    Raises:
        OSError: it is gone.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
