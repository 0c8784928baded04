"""``python -m tests.bench.backtest``: record events with a live worker on a real Kafka, then replay them; print ratios.

One run, one machine: the live rate is that of one worker process catching up on a full topic, from its first commit to
its last, model loaded before.  Replays take ``--workers`` processes; their rate counts both of their phases (recorded
verdicts, events) with the loading of the model, without the start of the interpreter and the writing of the report.
Rates by processor time do not depend on what else the machine does.  Exit code 1 if anything live was touched, or the
report of a killed and resumed run differs.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.broker import Broker, admin, create_topics
from tests.support.chatlog import lines
from tests.support.processes import ROOT, Child, wait_until
from tests.support.replays import report_bytes

PARTITIONS: Final = 4
TOPICS: Final = ("chat.events", "moderation.verdicts", "moderation.flagged", "chat.events.dlq")
GROUP: Final = "chatwarden"
_POLICY: Final = """name = "stricter"
[thresholds]
insult = { flag = 0.4, block = 0.8 }
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
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, help="keep the reports here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        broker = Broker(Path(name) / "kafka")
        broker.start()
        try:
            sound = _trial(Bench(broker.bootstrap, folder, given.events, given.workers))
        finally:
            broker.stop()
    return 0 if sound else 1


@dataclass
class Bench:
    """What a trial works with; ``env`` is what every command gets."""

    bootstrap: str
    folder: Path
    events: int
    workers: int
    env: dict[str, str] = field(init=False)
    client: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = admin(self.bootstrap)
        self.env = {"PYTHONPATH": ".", "OMP_NUM_THREADS": "1", "CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS": self.bootstrap}
        (self.folder / "stricter.toml").write_text(_POLICY)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "stream", *arguments]

    def backtest(self, report: str, *arguments: str) -> list[str]:
        named = ("--policy", str(self.folder / "stricter.toml"), "--report", str(self.folder / report))
        return self.command("backtest", *named, "--workers", str(self.workers), *arguments)


def _trial(bench: Bench) -> bool:
    create_topics(bench.bootstrap, dict.fromkeys(TOPICS, PARTITIONS))
    _say("produce", _produce(bench))
    live = _live(bench)
    _say("live", live)
    before = _state(bench)
    asked = {
        "redecide": ("--topic", "chat.events", "--depth", "redecide"),
        "redecide_alone": ("--topic", "moderation.verdicts", "--depth", "redecide"),
        "rescore": ("--topic", "chat.events", "--depth", "rescore"),
    }
    for name, arguments in asked.items():
        found = _replayed(bench, name, arguments)
        ratios = {key: round(found[key] / live[key], 1) for key in ("per_s", "per_cpu_s")}
        _say(name, {**found, "times_live": ratios["per_s"], "times_live_by_cpu": ratios["per_cpu_s"]})
    _say("archive", _archived(bench, live))
    same = _killed(bench, asked["redecide"])
    untouched = _state(bench) == before
    _say("checks", {"killed_and_resumed_equal": same, "live_untouched": untouched})
    return same and untouched


def _say(what: str, figures: dict[str, Any]) -> None:
    print(json.dumps({"what": what, **figures}), flush=True)


def _produce(bench: Bench) -> dict[str, Any]:
    producer = Producer({"bootstrap.servers": bench.bootstrap, "linger.ms": 20, "compression.type": "lz4"})
    started = time.monotonic()
    for number, line in enumerate(lines(bench.events)):
        producer.produce("chat.events", line, partition=number % PARTITIONS)
        if number % 1_000 == 0:
            while producer.poll(0.001 if len(producer) > 50_000 else 0):
                pass
    producer.flush(60)
    return {"events": bench.events, "seconds": round(time.monotonic() - started, 1)}


def _live(bench: Bench) -> dict[str, Any]:
    """Let one worker catch up."""
    worker = Child(bench.command("run", "--start", "earliest"), bench.folder / "worker.log", env=bench.env)
    try:
        wait_until(lambda: _committed(bench) > 0 or not worker.alive, 180, "the worker's first commit")
        first, at, cpu = _committed(bench), time.monotonic(), _cpu_s(worker.process.pid)
        wait_until(lambda: _committed(bench) >= bench.events or not worker.alive, 3_600, "the worker's last commit")
        seconds, cpu = time.monotonic() - at, _cpu_s(worker.process.pid) - cpu
    finally:
        worker.stop()
    return _rates(bench.events - first, seconds, cpu)


def _committed(bench: Bench) -> int:
    """Return how far the worker is; 0 while the broker has nobody yet to ask for a group."""
    request = [ConsumerGroupTopicPartitions(GROUP)]
    (future,) = bench.client.list_consumer_group_offsets(request).values()
    try:
        return sum(max(0, place.offset) for place in future.result(30).topic_partitions)
    except (KafkaException, TimeoutError):
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
    """Run a backtest; rates by its own timings, processor time of all its processes, start and report included."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    child = Child(bench.backtest(name, *arguments), bench.folder / f"{name}.log", env=bench.env)
    peak = 0
    while child.alive:
        peak = max(peak, _resident_kb(child.process.pid))
        time.sleep(0.2)
    if child.process.wait():
        raise SystemExit(child.output())
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    timing = json.loads((bench.folder / name / "timing.json").read_text())
    seconds = sum(phase["seconds"] for phase in timing.values() if isinstance(phase, dict))
    rates = _rates(timing["events"]["count"], seconds, cpu_s)
    return {**rates, "command_s": round(wall, 1), "peak_mb_of_all_processes": peak // 1024}


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
    ratios = {"times_live": round(found["per_s"] / live["per_s"], 1)}
    ratios["times_live_by_cpu"] = round(found["per_cpu_s"] / live["per_cpu_s"], 1)
    return {"archived_s": round(seconds, 1), "archive_mb": size // 2**20, **found, **ratios}


def _killed(bench: Bench, arguments: tuple[str, ...]) -> bool:
    """Kill a redecision half way, resume it, and compare."""
    command = bench.backtest("killed", *arguments)
    child = Child(command, bench.folder / "killed.log", env=bench.env)
    parts = bench.folder / "killed" / "work" / "parts"
    wait_until(lambda: len(list(parts.glob("*.json"))) >= bench.events // 200_000 or not child.alive, 600, "half")
    child.kill()
    _say("killed", {"parts_kept": len(list(parts.glob("*.json")))})
    subprocess.run([*command, "--resume"], cwd=ROOT, env={**os.environ, **bench.env}, check=True, capture_output=True)
    return report_bytes(bench.folder / "killed") == report_bytes(bench.folder / "redecide")


def _state(bench: Bench) -> object:
    """Return every group's offsets and every topic's ends."""
    client = bench.client
    groups = {}
    for group in client.list_consumer_groups().result(10).valid:
        (future,) = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group.group_id)]).values()
        groups[group.group_id] = sorted((p.topic, p.partition, p.offset) for p in future.result(10).topic_partitions)
    consumer = Consumer({"bootstrap.servers": bench.bootstrap, "group.id": "looking-on"})
    try:
        ends = {
            (topic, p): consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10)
            for topic in TOPICS
            for p in range(PARTITIONS)
        }
    finally:
        consumer.close()
    return groups, ends, sorted(client.list_topics(timeout=10).topics)


if __name__ == "__main__":
    sys.exit(main())
