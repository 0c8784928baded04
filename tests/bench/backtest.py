"""``python -m tests.bench.backtest``: record events with a live worker on a real Kafka, then replay them; print ratios.

One run, one machine.  A worker process catches up on the first ``--live`` events; the live rate is that from its first
commit to its last, model loaded before.  The rest is recorded by the same judge with a stand-in for the network that
gives scores like its own: the trial is about reading them back.  Redecisions replay everything, a rescoring the live
part.  Replays take ``--workers`` processes; their rates count both phases (recorded verdicts, events) with the start of
processes and the loading of the model, not the writing of the report, which takes the same few seconds for any history
(``command_s`` has all).  Rates by processor time depend less on what else the machine does.  Exit code 1 if anything
live was touched, or the report of a killed and resumed run differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
from stream.settings import Settings, load_settings
from tests.support.broker import Broker, admin, create_topics
from tests.support.chatlog import lines
from tests.support.processes import ROOT, Child, wait_until
from tests.support.replays import report_bytes

PARTITIONS: Final = 4
TOPICS: Final = ("chat.events", "moderation.verdicts", "moderation.flagged", "chat.events.dlq")
GROUP: Final = "chatwarden"
_POLICY: Final = """name = "stricter"
[thresholds]
insult = { flag = 0.45, block = 0.88 }
hate = { flag = 0.3, block = 0.6 }
threat = { flag = 0.3, block = 0.6 }
profanity = { flag = 0.6 }
[[overrides]]
channel_kind = "party"
thresholds.insult = { flag = 0.7 }
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--live", type=int, default=60_000)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, help="keep the reports here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        broker = Broker(Path(name) / "kafka")
        broker.start()
        try:
            sound = _trial(Bench(broker.bootstrap, folder, given.events, given.live, given.workers))
        finally:
            broker.stop()
    return 0 if sound else 1


@dataclass
class Bench:
    """What a trial works with; ``env`` is what every command gets."""

    bootstrap: str
    folder: Path
    events: int
    live: int
    workers: int
    env: dict[str, str] = field(init=False)
    onlooker: Consumer = field(init=False)

    def __post_init__(self) -> None:
        self.onlooker = Consumer({"bootstrap.servers": self.bootstrap, "group.id": GROUP, "log_level": 0})
        self.env = {"PYTHONPATH": ".", "OMP_NUM_THREADS": "1", "CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS": self.bootstrap}
        (self.folder / "stricter.toml").write_text(_POLICY)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "stream", *arguments]

    def backtest(self, report: str, *arguments: str) -> list[str]:
        named = ("--policy", str(self.folder / "stricter.toml"), "--report", str(self.folder / report))
        return self.command("backtest", *named, "--workers", str(self.workers), *arguments)


def _trial(bench: Bench) -> bool:
    create_topics(bench.bootstrap, dict.fromkeys(TOPICS, PARTITIONS))
    events = lines(bench.events)
    _produce(bench, list(islice(events, bench.live)))
    live = _live(bench)
    _say("live", live)
    until = datetime.now(UTC).isoformat()
    time.sleep(1)
    _say("record", _record(bench, events))
    before = _state(bench)
    asked = {
        "redecide": ("--topic", "chat.events", "--depth", "redecide"),
        "redecide_verdicts_alone": ("--topic", "moderation.verdicts", "--depth", "redecide"),
        "rescore": ("--topic", "chat.events", "--depth", "rescore", "--to", until, "--stretch", "10000"),
    }
    for name, arguments in asked.items():
        _say(name, _beside(_replayed(bench, name, arguments), live))
    _say("archive", _archived(bench, live))
    same = _killed(bench, asked["redecide"])
    untouched = _state(bench) == before
    _say("checks", {"killed_and_resumed_equal": same, "live_untouched": untouched})
    return same and untouched


def _beside(found: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    times = {f"times_live_{key}": round(found[key] / live[key], 1) for key in ("per_s", "per_cpu_s")}
    return {**found, **times}


def _say(what: str, figures: dict[str, Any]) -> None:
    print(json.dumps({"what": what, **figures}), flush=True)


class StandIn:
    """A classifier that gives what the network gave to other texts past the gate, a little changed by each text."""

    def __init__(self, settings: Settings) -> None:
        scorer = wiring.scorer(settings)
        decoded = [decode_event(line) for line in lines(6_000, seed=2)]
        texts = [text_of(event, scorer) for event in decoded if isinstance(event, Event)]
        self._pool = [
            each.scores for each in scorer(texts) if isinstance(each, Answer) and each.resolved_by == "classifier"
        ]

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        return [self._score(zlib.crc32(text.encode())) for text in texts]

    def _score(self, digest: int) -> Scores:
        scores = self._pool[digest % len(self._pool)]
        own = digest // len(self._pool) % 40 / 1_000
        return on_grid([max(0.0, scores[0] - own), *scores[1:]])


def _produce(bench: Bench, values: Sequence[bytes], first: int = 0) -> None:
    producer = Producer({"bootstrap.servers": bench.bootstrap, "linger.ms": 20, "compression.type": "lz4"})
    for number, value in enumerate(values, first):
        producer.produce("chat.events", value, partition=number % PARTITIONS)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush(60)


def _record(bench: Bench, events: Iterator[bytes]) -> dict[str, Any]:
    """Produce the other events, and their verdicts as the shipped taxonomy and policy have them."""
    settings = load_settings()
    first = wiring.scorer(load_settings(overrides={"pipeline.resolvers": ("rules", "gate")}))
    resolvers = [*first.resolvers, ClassifierResolver(StandIn(settings))]
    scorer = Scorer(first.taxonomy, resolvers, "0" * 32, first.packs, first.identify)
    judge = Judge(scorer, wiring.decider(settings, first.taxonomy), b"key", lambda: datetime.now(UTC))
    producer = Producer({"bootstrap.servers": bench.bootstrap, "linger.ms": 20, "compression.type": "lz4"})
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
    return {"events": number, "seconds": round(time.monotonic() - started, 1)}


def _live(bench: Bench) -> dict[str, Any]:
    """Let one worker catch up."""
    worker = Child(bench.command("run", "--start", "earliest"), bench.folder / "worker.log", env=bench.env)
    try:
        wait_until(lambda: _committed(bench) > 0 or not worker.alive, 180, "the worker's first commit")
        first, at, cpu = _committed(bench), time.monotonic(), _cpu_s(worker.process.pid)
        wait_until(lambda: _committed(bench) >= bench.live or not worker.alive, 3_600, "the worker's last commit")
        seconds, cpu = time.monotonic() - at, _cpu_s(worker.process.pid) - cpu
    finally:
        worker.stop()
    return _rates(bench.live - first, seconds, cpu)


def _committed(bench: Bench) -> int:
    """Return how far the worker is; 0 while the broker has nobody yet to ask for a group.

    Not by the administrator's client: it crashes the process where a group's coordinator is not there yet.
    """
    places = [TopicPartition("chat.events", partition) for partition in range(PARTITIONS)]
    try:
        return sum(max(0, place.offset) for place in bench.onlooker.committed(places, timeout=10))
    except KafkaException:
        return 0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rates(count: int, seconds: float, cpu_s: float) -> dict[str, Any]:
    return {
        "count": count,
        "seconds": round(seconds, 1),
        "cpu_s": round(cpu_s, 1),
        "per_s": round(count / seconds),
        "per_cpu_s": round(count / cpu_s),
    }


def _replayed(bench: Bench, name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    """Run a backtest; rates by its own timings."""
    started = time.monotonic()
    child = Child(bench.backtest(name, *arguments), bench.folder / f"{name}.log", env=bench.env)
    peak = 0
    while child.alive:
        peak = max(peak, _resident_kb(child.process.pid))
        time.sleep(0.2)
    if child.process.wait():
        raise SystemExit(child.output())
    timing = json.loads((bench.folder / name / "timing.json").read_text())
    phases = [phase for phase in timing.values() if isinstance(phase, dict)]
    seconds, cpu_s = (sum(phase[key] for phase in phases) for key in ("seconds", "cpu_seconds"))
    rates = _rates(timing["events"]["count"], seconds, cpu_s)
    return {**rates, "command_s": round(time.monotonic() - started, 1), "peak_mb_of_all_processes": peak // 1024}


def _resident_kb(group: int) -> int:
    """Return the resident memory of a process group."""
    listed = subprocess.run(["ps", "-o", "rss=", "-g", str(group)], capture_output=True, text=True, check=False)
    return sum(int(line) for line in listed.stdout.split())


def _archived(bench: Bench, live: dict[str, Any]) -> dict[str, Any]:
    """Archive both topics, then redecide over the archive."""
    root = bench.folder / "archive"
    started = time.monotonic()
    for topic in TOPICS[:2]:
        command = bench.command("archive", "--topic", topic, "-o", str(root))
        subprocess.run(command, cwd=ROOT, env={**os.environ, **bench.env}, check=True, capture_output=True)
    seconds = time.monotonic() - started
    files = ("--input", f"{root}/topic=chat.events", "--verdicts", f"{root}/topic=moderation.verdicts")
    found = _replayed(bench, "redecide_archive", (*files, "--depth", "redecide"))
    size = sum(path.stat().st_size for path in root.rglob("*.parquet"))
    return {"archived_s": round(seconds, 1), "archive_mb": size // 2**20, **_beside(found, live)}


def _killed(bench: Bench, arguments: tuple[str, ...]) -> bool:
    """Kill a redecision half way, resume it, and compare."""
    command = bench.backtest("killed", *arguments)
    child = Child(command, bench.folder / "killed.log", env=bench.env)
    parts = bench.folder / "killed" / "work" / "parts"
    wait_until(lambda: len(list(parts.glob("*.json"))) >= bench.events // 250_000 or not child.alive, 600, "half")
    child.kill()
    _say("killed", {"parts_kept": len(list(parts.glob("*.json")))})
    subprocess.run([*command, "--resume"], cwd=ROOT, env={**os.environ, **bench.env}, check=True, capture_output=True)
    return report_bytes(bench.folder / "killed") == report_bytes(bench.folder / "redecide")


def _state(bench: Bench) -> object:
    """Return every group's offsets and every topic's ends."""
    client = admin(bench.bootstrap)
    groups = {}
    for group in client.list_consumer_groups().result(10).valid:
        (future,) = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group.group_id)]).values()
        groups[group.group_id] = sorted((p.topic, p.partition, p.offset) for p in future.result(10).topic_partitions)
    ends = {
        (topic, p): bench.onlooker.get_watermark_offsets(TopicPartition(topic, p), timeout=10)
        for topic in TOPICS
        for p in range(PARTITIONS)
    }
    return groups, ends, sorted(client.list_topics(timeout=10).topics)


if __name__ == "__main__":
    sys.exit(main())
