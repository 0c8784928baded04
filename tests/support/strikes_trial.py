"""Strikes workers on a real broker, what they should come to, and what they came to."""

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from schemas.codec import decode_verdict
from schemas.strike import Strike
from schemas.verdict import Verdict
from stream.strikes.channel import Remark
from stream.strikes.issue import held
from stream.strikes.ladder import Ladders
from stream.strikes.tally import Change, change_of, channel_key, newer, pseudonyms, tally_remark, tally_verdict
from tests.support.broker import create_topics
from tests.support.processes import Child, free_port

PARTITIONS: Final = 4
TOKEN: Final = "a-token-for-tests"  # noqa: S105 - opens nothing but the test's own worker
KEY: Final = "a-key-for-tests"


@dataclass(frozen=True, slots=True)
class Trial:
    """Topics of one trial, all named alike."""

    bootstrap: str
    folder: Path
    name: str = field(default_factory=lambda: f"trial-{uuid4().hex[:8]}")
    children: list[Child] = field(default_factory=list)

    def prepare(self) -> None:
        """Create the verdicts topic; the workers create the rest."""
        create_topics(self.bootstrap, {self.topic("verdicts"): PARTITIONS})

    def topic(self, role: str) -> str:
        """Return a topic's name."""
        return f"{self.name}.{role}"

    def changelog(self, table: str) -> str:
        """Return a changelog's name."""
        return f"{self.name}-{table}-changelog"

    def settings(self, worker: str, **extra: object) -> dict[str, str]:
        """Return a worker's settings, as its environment."""
        keys = {
            "kafka__bootstrap_servers": self.bootstrap,
            "topics__verdicts": self.topic("verdicts"),
            "topics__strikes": self.topic("strikes"),
            "strikes__app_id": self.name,
            "strikes__data_dir": self.folder / worker,
            "strikes__channels": self.topic("channels"),
            "strikes__erasures": self.topic("erasures"),
            "strikes__audit": self.topic("audit"),
            "strikes__dead_letters": self.topic("dlq"),
            "strikes__token": TOKEN,
            "strikes__port": free_port(),
            "strikes__session_timeout_s": 2,
            "strikes__commit_interval_s": 0.5,
            "strikes__shutdown_s": 40,
            "admin__port": 0,
            "pipeline__fingerprint_key": KEY,
            **extra,
        }
        return {f"CHATWARDEN__{name.upper()}": str(value) for name, value in keys.items()}

    def start(self, worker: str, **extra: object) -> Child:
        """Start a worker."""
        command = [sys.executable, "-m", "stream", "strikes"]
        child = Child(command, self.folder / f"{worker}.log", self.settings(worker, **extra))
        self.children.append(child)
        return child

    @staticmethod
    def has_begun(worker: Child) -> bool:
        """Say whether it has written to its log, so that it hears signals; before, they end it as they end any."""
        return '{"' in worker.output()

    def close(self) -> None:
        """Kill the workers that still run."""
        for child in self.children:
            child.kill()


@dataclass(slots=True)
class Outcome:
    """Stored values by (partition, key), and strikes by id."""

    standings: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    channels: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    strikes: dict[str, str] = field(default_factory=dict)
    published: int = 0

    def same_as(self, other: "Outcome") -> bool:
        """Say whether two outcomes are equal; how often a strike was published does not matter."""
        mine, its = (self.standings, self.channels, self.strikes), (other.standings, other.channels, other.strikes)
        return mine == its


def feed(trial: Trial, history: Sequence[Verdict], per_transaction: int = 200, seed: int = 3) -> None:
    """Write verdicts in transactions, between them aborted ones of every size, compressed in several ways."""
    chance = random.Random(seed)
    kinds = ("lz4", "zstd", "none", "gzip", "snappy")
    writers = [_writer(trial.bootstrap, f"{trial.name}-{kind}", kind) for kind in kinds]
    topic = trial.topic("verdicts")
    for start in range(0, len(history), per_transaction):
        writer = writers[start // per_transaction % len(writers)]
        writer.begin_transaction()
        for verdict in history[start : start + per_transaction]:
            _write(writer, topic, verdict)
        writer.commit_transaction()
        if chance.random() < 0.5:
            writer.begin_transaction()
            for verdict in chance.sample(history, min(chance.choice((1, 3, 50)), len(history))):
                _write(writer, topic, verdict.model_copy(update={"verdict_id": "a" * 32, "severity": 4}))
            writer.flush()
            writer.abort_transaction()


def _writer(bootstrap: str, name: str, compression: str) -> Producer:
    writer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": name,
            "compression.type": compression,
            "log_level": 0,
        }
    )
    writer.init_transactions(30)
    return writer


def _write(writer: Producer, topic: str, verdict: Verdict) -> None:
    while True:
        try:
            writer.produce(topic, verdict.model_dump_json().encode(), verdict.player_id.encode())
        except BufferError:
            writer.poll(0.1)
        else:
            return


def read(bootstrap: str, topic: str) -> Iterator[Message]:
    """Read the committed records that are there now, each partition in order."""
    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"reader-{uuid4().hex}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
            "log_level": 0,
        }
    )
    try:
        numbers = set(reader.list_topics(topic, 10).topics[topic].partitions)
        reader.assign([TopicPartition(topic, number, 0) for number in numbers])
        while numbers:
            message = reader.poll(20)
            assert message is not None, "no answer from the broker"
            if _is_end(message):
                numbers.discard(message.partition() or 0)
            else:
                yield message
    finally:
        reader.close()


def _is_end(message: Message) -> bool:
    error = message.error()
    assert error is None or error.name() == "_PARTITION_EOF", error
    return error is not None


def verdicts_of(trial: Trial) -> Iterator[tuple[int, int, Verdict]]:
    """Return every committed verdict with its partition and offset."""
    for message in read(trial.bootstrap, trial.topic("verdicts")):
        verdict = decode_verdict(message.value())
        if isinstance(verdict, Verdict):
            yield _place(message)[0], _place(message)[1], held(verdict, message.timestamp()[1])


def expected(trial: Trial, ladders: Ladders) -> Outcome:
    """Fold what is in the topics, without Faust: verdicts as they lie, remarks as they lie."""
    outcome, pseudonym = Outcome(), pseudonyms(KEY.encode())
    for partition, offset, verdict in verdicts_of(trial):
        place = (partition, verdict.player_id.encode())
        tallied = tally_verdict(outcome.standings.get(place), offset, verdict, ladders)
        assert tallied.value is not None
        outcome.standings[place] = tallied.value
        outcome.strikes |= {_id(strike.body): strike.body for strike in tallied.strikes}
    for message in read(trial.bootstrap, trial.topic("channels")):
        partition, offset = _place(message)
        remark = msgspec.json.decode(message.value() or b"", type=Remark)
        place = (partition, channel_key(remark.game_id, remark.channel_id))
        tallied = tally_remark(outcome.channels.get(place), offset, remark, pseudonym(remark.player_id), ladders)
        assert tallied.value is not None
        outcome.channels[place] = tallied.value
        outcome.strikes |= {_id(strike.body): strike.body for strike in tallied.strikes}
    return outcome


def actual(trial: Trial) -> Outcome:
    """Read what the workers came to: their changelogs, of each key the newest state, and their strikes."""
    outcome = Outcome()
    for table, states in (("standings", outcome.standings), ("channels", outcome.channels)):
        for message in read(trial.bootstrap, trial.changelog(table)):
            headers = [(name, said) for name, said in dict(message.headers() or ()).items() if isinstance(said, bytes)]
            change = change_of(message.key() or b"", message.value(), headers)
            _apply(states, (_place(message)[0], change.key), change)
    for message in read(trial.bootstrap, trial.topic("strikes")):
        body = (message.value() or b"").decode()
        outcome.published += 1
        assert outcome.strikes.setdefault(_id(body), body) == body
        assert message.key() == Strike.model_validate_json(body).player_id.encode()
    return outcome


def _apply(states: dict[tuple[int, bytes], bytes], place: tuple[int, bytes], change: Change) -> None:
    if not newer(states.get(place), change):
        return
    if change.value is None:
        states.pop(place, None)
    else:
        states[place] = change.value


def ends(trial: Trial) -> dict[int, int]:
    """Return, by partition, the offset after the last committed record of the verdicts topic."""
    found: dict[int, int] = {}
    for message in read(trial.bootstrap, trial.topic("verdicts")):
        partition, offset = _place(message)
        found[partition] = offset + 1
    return found


def committed(trial: Trial) -> int:
    """Return how far the workers have committed, all partitions together; 0 while the broker cannot say."""
    reader = Consumer({"bootstrap.servers": trial.bootstrap, "group.id": trial.name, "log_level": 0})
    try:
        places = reader.committed([TopicPartition(trial.topic("verdicts"), number) for number in range(PARTITIONS)], 10)
        return sum(max(place.offset, 0) for place in places)
    except KafkaException:
        return 0
    finally:
        reader.close()


def is_done(trial: Trial, verdicts: dict[int, int]) -> bool:
    """Say whether the workers have committed every verdict, and every remark that came of them."""
    reader = Consumer({"bootstrap.servers": trial.bootstrap, "group.id": trial.name, "log_level": 0})
    try:
        committed = reader.committed([TopicPartition(trial.topic("verdicts"), number) for number in verdicts], 10)
        if any(place.offset < verdicts[place.partition] for place in committed):
            return False
        remarks = reader.committed(
            [TopicPartition(trial.topic("channels"), number) for number in range(PARTITIONS)], 10
        )
        return all(max(place.offset, 0) == reader.get_watermark_offsets(place, 10)[1] for place in remarks)
    except KafkaException:
        return False
    finally:
        reader.close()


def _id(body: str) -> str:
    return Strike.model_validate_json(body).strike_id


def _place(message: Message) -> tuple[int, int]:
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return partition, offset
