"""The cluster trial: brokers that matter to the workers are killed under load and brought back; then the oracle speaks.

Two workers of each group read on while events stream in.  Nobody touches a worker.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from stream.kafka_config import transactional_id
from stream.settings import KafkaSettings
from tests.support.cluster import KEEPERS, Cluster
from tests.support.coordinators import kept_in
from tests.support.processes import wait_until
from tests.support.stream_topics import Outcome, Reader, StreamTopics, event, examine
from tests.support.trial import identity, read_again
from tests.support.worker_process import WorkerProcess

RECOVERS_S: Final = 150.0
"""Longest wait for verdicts after a loss; a slow machine is no fault of the worker."""
SLOTS: Final = ("a", "b")
ROLES: Final = ("group coordinator", "transaction coordinator", "leader")


@dataclass(frozen=True)
class Loss:
    """A broker that was killed for the role it had, and how soon each group was served again.

    ``recovered_s`` is from the kill to the moment at which a reader had seen, in every partition, a verdict on an event
    that was sent after the kill; by group protocol.
    """

    role: str
    broker: int
    recovered_s: dict[str, float]


@dataclass(frozen=True)
class Report:
    """What came of it for one group; ``afresh`` counts the outcomes that its workers did not learn."""

    protocol: str
    sent: int
    outcome: Outcome
    readers_agree: bool
    workers_lived: bool
    afresh: int

    @property
    def sound(self) -> bool:
        """Whether the promise was kept and no worker needed help."""
        return self.outcome.sound and self.readers_agree and self.workers_lived


class Group:
    """Topics, the two workers of a group, a sender and a reader."""

    def __init__(self, topics: StreamTopics, protocol: str, folder: Path, rate: int) -> None:
        self.protocol = protocol
        self._topics = topics
        self._topics.create()
        self._watch = _Watch(self._topics)
        self._flow = _Flow(self._topics, rate)
        folder.mkdir(parents=True)
        env = self._topics.env(KAFKA__GROUP_PROTOCOL=protocol, PIPELINE__CHUNK_SIZE="64")
        self._workers = [WorkerProcess(folder, slot, env) for slot in SLOTS]

    def start(self) -> None:
        """Let events stream in, once every worker is ready."""
        for worker in self._workers:
            worker.wait_ready(RECOVERS_S)
        self._flow.start()

    def answers_since(self, moment: float) -> bool:
        """Read on; whether every partition has a verdict on an event that was sent after ``moment``."""
        self._watch.look()
        return self._watch.oldest > moment

    def finish(self) -> Report:
        """End the flow, read all that is still to come, stop the workers and examine everything."""
        self._flow.enough.set()
        self._flow.join()
        sent = _appended(self._topics)
        wait_until(lambda: self._watch.look() >= sent, RECOVERS_S, f"{self.protocol}: all events have their verdicts")
        wait_until(lambda: all(worker.is_ready() for worker in self._workers), RECOVERS_S, "all are ready again")
        alive = all(worker.alive for worker in self._workers)
        self.stop()
        self._watch.look()
        seen = self._watch.records
        records = read_again(self._topics, len(seen))
        return Report(
            protocol=self.protocol,
            sent=sent,
            outcome=examine(self._topics, records, sent),
            readers_agree=sorted(map(identity, records)) == sorted(map(identity, seen)),
            workers_lived=alive,
            afresh=sum(worker.output().count("restarting from the committed offsets") for worker in self._workers),
        )

    def said(self) -> str:
        """Return how each worker is and its last words, for whoever asks why it did not recover."""
        return "\n".join(
            f"{self.protocol} {slot}, alive: {worker.alive}, {worker.livez()}\n{worker.output()[-3_000:]}"
            for slot, worker in zip(SLOTS, self._workers, strict=True)
        )

    def stop(self) -> None:
        """End all that still runs."""
        self._flow.enough.set()
        for worker in self._workers:
            worker.kill()

    def close(self) -> None:
        """End all that still runs, and stop reading."""
        self.stop()
        self._watch.close()


class Trial:
    """Groups on a cluster, one for each protocol, whose coordinators are the same brokers: one loss hits them all."""

    def __init__(self, cluster: Cluster, protocols: Sequence[str], folder: Path, rate: int) -> None:
        self._cluster = cluster
        some = (StreamTopics(cluster.bootstrap) for _ in count())
        self._all = [next(some)]
        alike = (topics for topics in some if _kept_in(topics) == _kept_in(self._all[0]))
        self._all += islice(alike, len(protocols) - 1)
        pairs = zip(self._all, protocols, strict=True)
        self._groups = [Group(topics, protocol, folder / protocol, rate) for topics, protocol in pairs]

    def run(self, roles: Iterable[str], say: Callable[[Loss], None] = lambda _: None) -> list[Report]:
        """Kill the broker that has a role, wait until all groups are served, bring it back; role after role.

        Raises:
            TimeoutError: a group was not served again; with what its workers said.
        """
        try:
            for group in self._groups:
                group.start()
            for role in roles:
                self._cluster.wait_until_whole()
                node = self._who(role)
                self._cluster.kill(node)
                say(Loss(role, node, _recovered(self._groups, time.time())))
                self._cluster.bring_back(node)
            return [group.finish() for group in self._groups]
        finally:
            for group in self._groups:
                group.close()

    def _who(self, role: str) -> int:
        match role:
            case "group coordinator":
                return self._cluster.keeper("__consumer_offsets", self._all[0].group)
            case "transaction coordinator":
                return self._cluster.keeper("__transaction_state", _transactional_id(self._all[0]))
            case _:
                names = [topics.name(kind) for topics in self._all for kind in ("events", "verdicts")]
                return self._cluster.leaders(names).most_common(1)[0][0]


def _transactional_id(topics: StreamTopics) -> str:
    """Return the transactional id of the first worker."""
    return transactional_id(KafkaSettings.model_validate({"group_id": topics.group}), SLOTS[0])


def _kept_in(topics: StreamTopics) -> tuple[int, int]:
    """Return where Kafka keeps the group and the first worker's transactional id."""
    return kept_in(topics.group, KEEPERS), kept_in(_transactional_id(topics), KEEPERS)


def _recovered(groups: Sequence[Group], killed_at: float) -> dict[str, float]:
    took: dict[str, float] = {}

    def all_served() -> bool:
        for group in groups:
            if group.answers_since(killed_at) and group.protocol not in took:
                took[group.protocol] = round(time.time() - killed_at, 1)
        return len(took) == len(groups)

    try:
        wait_until(all_served, RECOVERS_S, "verdicts in every partition")
    except TimeoutError as exc:
        raise TimeoutError("\n".join([str(exc), *(group.said() for group in groups)])) from exc
    return took


class _Flow(threading.Thread):
    """Appends events at a rate, round robin over the partitions, until it is enough."""

    def __init__(self, topics: StreamTopics, rate: int) -> None:
        super().__init__(name="flow", daemon=True)
        self._topics, self._step = topics, max(rate // 5, topics.partitions)
        self.enough = threading.Event()

    def run(self) -> None:
        settings = {"bootstrap.servers": self._topics.bootstrap, "enable.idempotence": True, "log_level": 0}
        producer, numbers = Producer(settings), count()
        while not self.enough.wait(0.2):
            now = time.time()
            for number in islice(numbers, self._step):
                key, place = b"k%d" % number, number % self._topics.partitions
                producer.produce(self._topics.name("events"), event(number, sent_at=now), key, place)
            producer.poll(0)
        # Whether what was not acknowledged was appended is asked of the topic: see _appended.
        producer.flush(RECOVERS_S)


class _Watch:
    """Reads what comes out and knows which input positions it is about."""

    def __init__(self, topics: StreamTopics) -> None:
        self._topics = topics
        self._reader = Reader(topics)
        self._places: set[tuple[int, int]] = set()
        self._newest = dict.fromkeys(range(topics.partitions), 0.0)

    @property
    def records(self) -> list[Message]:
        """All that came out so far."""
        return self._reader.records

    @property
    def oldest(self) -> float:
        """When the event was sent whose verdict is the newest of its partition: the oldest of these moments."""
        return min(self._newest.values())

    def look(self) -> int:
        """Read what is there; return how many input positions have come out."""
        known = len(self.records)
        self._reader.take(0.1)
        for message in self.records[known:]:
            if message.topic() != self._topics.name("verdicts"):
                continue
            verdict = json.loads(message.value() or b"")
            number, offset = verdict["origin"]["partition"], verdict["origin"]["offset"]
            self._places.add((number, offset))
            self._newest[number] = max(self._newest[number], datetime.fromisoformat(verdict["sent_at"]).timestamp())
        return len(self._places)

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()


def _appended(topics: StreamTopics) -> int:
    """Return how many events are in the topic, those included of which the sender never heard."""
    asking = Consumer({"bootstrap.servers": topics.bootstrap, "group.id": "asking", "log_level": 0})
    try:
        ends = [TopicPartition(topics.name("events"), number) for number in range(topics.partitions)]
        return sum(asking.get_watermark_offsets(end, timeout=30)[1] for end in ends)
    finally:
        asking.close()
