"""A set of topics for one test, events to put in, and the oracle that judges what came out."""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from tests.support.broker import create_topics

_SENT_AT: Final = re.compile(rb'"sent_at":"([^"]+)"')
OUTPUTS: Final = ("verdicts", "flagged", "dead_letters")


@dataclass(frozen=True)
class StreamTopics:
    """The topics of one test; ``env`` points a worker at them."""

    bootstrap: str
    partitions: int = 6
    suffix: str = field(default_factory=lambda: uuid4().hex[:12])

    def name(self, role: str) -> str:
        """Return a topic's name."""
        return f"{role}-{self.suffix}"

    @property
    def group(self) -> str:
        """The group's name."""
        return f"g-{self.suffix}"

    def producer(self) -> Producer:
        """Return a producer that sends at once, for paced input."""
        return Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})

    def create(self, config: dict[str, str] | None = None) -> None:
        """Create them all."""
        roles = ("events", *OUTPUTS)
        create_topics(self.bootstrap, {self.name(role): self.partitions for role in roles}, config)

    def settled(self) -> int:
        """Return the sum of the group's stable offsets, -1 while a transaction holds them or nobody keeps them."""
        asking = Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.group, "log_level": 0})
        places = [TopicPartition(self.name("events"), number) for number in range(self.partitions)]
        try:
            return sum(max(place.offset, 0) for place in asking.committed(places, 2))
        except KafkaException:
            return -1
        finally:
            asking.close()

    def group_metadata(self) -> object:
        """Return the metadata of a group that nobody is a member of, as a producer's offsets may be sent under."""
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.group}).consumer_group_metadata()

    def env(self, **more: str) -> dict[str, str]:
        """Return the settings of a worker on these topics, as environment variables."""
        topics = {f"TOPICS__{role.upper()}": self.name(role) for role in ("events", *OUTPUTS)}
        kafka = {"KAFKA__BOOTSTRAP_SERVERS": self.bootstrap, "KAFKA__GROUP_ID": self.group}
        return {f"CHATWARDEN__{name}": value for name, value in {**topics, **kafka, **more}.items()}


def event(number: int, text: str = "", sent_at: float = 0.0) -> bytes:
    """Return an event; every tenth insults.  ``sent_at`` is in seconds since 1970."""
    words = text or (f"you rotten thing {number % 300}" if number % 10 == 0 else f"well played {number % 300}")
    return json.dumps(
        {
            "event_id": f"e{number}",
            "player_id": f"p{number % 997}",
            "channel_id": f"c{number % 31}",
            "text": words,
            "sent_at": datetime.fromtimestamp(sent_at, UTC).isoformat(),
        }
    ).encode()


def send(topics: StreamTopics, values: Iterable[bytes | None], first: int = 0) -> None:
    """Append values to the events topic, round robin over its partitions."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    settings = {"bootstrap.servers": topics.bootstrap, "linger.ms": 5, "message.max.bytes": 8_000_000}
    producer = Producer({**settings, "delivery.report.only.error": True, "on_delivery": delivered})
    for number, value in enumerate(values, first):
        while True:
            try:
                producer.produce(
                    topics.name("events"),
                    value,
                    b"k%d" % number,
                    number % topics.partitions,
                    headers={"n": str(number)},
                )
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(60) or failed:
        raise TimeoutError(f"the events could not be appended: {failed[:1]}")


class Reader:
    """Reads the output topics from their beginnings, committed records only."""

    def __init__(self, topics: StreamTopics, roles: Sequence[str] = OUTPUTS) -> None:
        self.records: list[Message] = []
        self.seen_at: list[float] = []
        self._consumer = Consumer(
            {
                "bootstrap.servers": topics.bootstrap,
                "group.id": f"reader-{uuid4()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
            }
        )
        places = [TopicPartition(topics.name(role), n, 0) for role in roles for n in range(topics.partitions)]
        self._consumer.assign(places)

    def read(self, enough: Callable[[list[Message]], bool], timeout: float) -> list[Message]:
        """Read on until ``enough``, or time is up."""
        give_up = time.monotonic() + timeout
        while not enough(self.records) and time.monotonic() < give_up:
            self.take(0.2)
        return self.records

    def take(self, wait: float) -> None:
        """Read what is there, and keep it."""
        found = self.next(wait)
        self.records += found
        self.seen_at += [time.time()] * len(found)

    def next(self, wait: float) -> list[Message]:
        """Return what is there."""
        first = self._consumer.consume(1, wait)
        return [message for message in (*first, *self._consumer.consume(5_000, 0)) if message.error() is None]

    def delays(self) -> list[float]:
        """Return how long each verdict took from ``sent_at`` to this reader, in seconds, sorted."""
        pairs = zip(self.records, self.seen_at, strict=True)
        return sorted(delay for message, seen_at in pairs if (delay := delay_of(message, seen_at)) is not None)

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()


def delay_of(message: Message, seen_at: float) -> float | None:
    """Return how long a verdict took from ``sent_at`` to ``seen_at``, in seconds; None for what is no verdict."""
    value = message.value() or b""
    found = _SENT_AT.search(value)
    if found is None or b'"verdict":' in value:
        return None
    return seen_at - datetime.fromisoformat(found[1].decode()).timestamp()


@dataclass
class Outcome:
    """What came out, by input position, and what is wrong with it."""

    verdicts: int
    dead_letters: int
    lost: int
    doubled: int
    reordered: int
    flagged: int
    unflagged: int

    @property
    def sound(self) -> bool:
        """Whether everything came out once and in order."""
        return not (self.lost or self.doubled or self.reordered or self.unflagged)


def position_of(message: Message, topics: StreamTopics) -> tuple[int, int]:
    """Return the input partition and offset that an output record is about."""
    if message.topic() == topics.name("dead_letters"):
        headers = dict(message.headers() or [])
        return int(headers["dlq.partition"] or b""), int(headers["dlq.offset"] or b"")
    value = json.loads(message.value() or b"")
    origin = value.get("verdict", value)["origin"]
    return origin["partition"], origin["offset"]


def examine(topics: StreamTopics, records: Iterable[Message], sent: int) -> Outcome:
    """Check the promise: one verdict or dead letter for each record, in the order of its partition."""
    seen: Counter[tuple[int, int]] = Counter()
    flagged: Counter[tuple[int, int]] = Counter()
    last: dict[tuple[str | None, int | None, int], int] = defaultdict(lambda: -1)
    blocked = verdicts = reordered = 0
    for message in records:
        place = position_of(message, topics)
        if message.topic() == topics.name("flagged"):
            flagged[place] += 1
            continue
        seen[place] += 1
        if message.topic() == topics.name("verdicts"):
            verdicts += 1
            blocked += b'"action":"allow"' not in (message.value() or b"")
        where = (message.topic(), message.partition(), place[0])
        reordered += place[1] <= last[where]
        last[where] = max(last[where], place[1])
    return Outcome(
        verdicts=verdicts,
        dead_letters=sum(seen.values()) - verdicts,
        lost=sent - len(seen),
        doubled=sum(seen.values()) - len(seen),
        reordered=reordered,
        flagged=len(flagged),
        unflagged=abs(blocked - sum(flagged.values())),
    )
