"""``python -m tests.bench.worker``: the worker end to end on a real broker, every text answered without a model.

``rate``    events/s and cpu-µs per event from a backlog, with where the time goes, beside a bare transactional loop
``memory``  growth of the resident set over a long run
``times``   start → ready, SIGTERM → exit, restart → ready

Prints one line of JSON per part and asserts no speed.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.broker import Broker
from tests.support.processes import ROOT, wait_until
from tests.support.stream_topics import StreamTopics, event, send
from tests.support.worker_process import WorkerProcess

PARTS = ("rate", "memory", "times")
SEASONED = "-XX:+TieredCompilation"
"""A broker that is compiled fully, as one in service is: in its first minute it takes several times as long."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--events", type=int, default=200_000, help="of rate")
    parser.add_argument("--long", type=int, default=1_000_000, help="events of memory")
    parser.add_argument("--chunk", type=int, action="append", help="chunk sizes of rate")
    parser.add_argument("--protocol", default="consumer", choices=("classic", "consumer"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder / "kafka", jvm=SEASONED)
        try:
            broker.start()
            bench = Bench(broker.bootstrap, folder, given.protocol)
            for part in given.parts or PARTS:
                _run(bench, part, given)
        finally:
            broker.stop()


def _run(bench: "Bench", part: str, given: argparse.Namespace) -> None:
    match part:
        case "rate":
            for chunk in given.chunk or (512, 2_048):
                bench.rate(given.events, chunk)
        case "memory":
            bench.memory(given.long)
        case _:
            bench.times()


class Bench:
    """Runs the parts on one broker."""

    def __init__(self, bootstrap: str, folder: Path, protocol: str) -> None:
        self._bootstrap, self._folder, self._protocol = bootstrap, folder, protocol

    def rate(self, count: int, chunk: int) -> None:
        """Work off a backlog, then let the bare loop do the same."""
        topics = self._topics()
        _fill(topics, count)
        worker = self._worker(topics, PIPELINE__CHUNK_SIZE=str(chunk))
        try:
            _wait_for(worker, 1)
            started, first, cpu = time.monotonic(), _sum(worker, "records_consumed_total"), _cpu(worker)
            _wait_for(worker, count)
            seconds, done = time.monotonic() - started, count - first
            rate, cpu_us = round(done / seconds), round((_cpu(worker) - cpu) / done * 1e6, 1)
            phases = _phases(worker)
        finally:
            worker.kill()
        bare = self._bare(topics, count, chunk)
        ours = {"rate": rate, "cpu_us": cpu_us, "us_per_event": phases}
        _say("rate", chunk=chunk, worker=ours, bare=bare, of_bare=round(rate / bare["rate"], 2))

    def memory(self, count: int) -> None:
        """Watch the resident set after the first tenth."""
        topics = self._topics()
        worker = self._worker(topics)
        sizes: list[float] = []
        try:
            for tenth in range(1, 11):
                send(topics, map(event, range(count // 10)))
                _wait_for(worker, count // 10 * tenth)
                sizes.append(_value(worker.metrics(), "process_resident_memory_bytes") / 2**20)
        finally:
            worker.kill()
        _say("memory", events=count, mib=[round(size, 1) for size in sizes], growth_mib=round(sizes[-1] - sizes[0], 1))

    def times(self) -> None:
        """Start, stop and start again under load."""
        topics = self._topics()
        found: dict[str, float] = {}
        for name in ("start_to_ready_s", "restart_to_ready_s"):
            started = time.monotonic()
            worker = self._worker(topics)
            worker.wait_ready(60)
            found[name] = round(time.monotonic() - started, 2)
            send(topics, map(event, range(20_000)))
            started = time.monotonic()
            worker.stop()
            found["sigterm_to_exit_s"] = round(time.monotonic() - started, 2)
        _say("times", **found)

    def _topics(self) -> StreamTopics:
        topics = StreamTopics(self._bootstrap)
        topics.create()
        return topics

    def _worker(self, topics: StreamTopics, **env: str) -> WorkerProcess:
        return WorkerProcess(self._folder, "bench", topics.env(KAFKA__GROUP_PROTOCOL=self._protocol, **env))

    def _bare(self, topics: StreamTopics, count: int, chunk: int) -> dict[str, float]:
        names = [topics.bootstrap, topics.name("events"), topics.name("verdicts"), f"bare-{topics.suffix}"]
        command = [sys.executable, "-m", "tests.bench.bare_loop", *names, str(count), str(chunk)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        report: dict[str, float] = json.loads(done.stdout)
        return report


def _fill(topics: StreamTopics, count: int) -> None:
    """Append events whose texts repeat, as chat's do, so that the memory answers all but the first of each."""
    send(topics, map(event, range(count)))


def _wait_for(worker: WorkerProcess, count: int) -> None:
    wait_until(lambda: _sum(worker, "records_consumed_total") >= count, 600, f"{count} events are committed")


def _say(part: str, **figures: object) -> None:
    print(json.dumps({"part": part, **figures}), flush=True)


def _value(exposition: str, name: str) -> float:
    return sum(float(found) for found in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", exposition, re.MULTILINE))


def _sum(worker: WorkerProcess, name: str) -> float:
    if not worker.alive:
        raise RuntimeError(worker.output()[-2_000:])
    return _value(worker.metrics(), f"chatwarden_{name}")


def _cpu(worker: WorkerProcess) -> float:
    return _value(worker.metrics(), "process_cpu_seconds_total")


def _phases(worker: WorkerProcess) -> dict[str, float]:
    """Return wall-clock µs per event by phase; judging overlaps with committing."""
    exposition, events = worker.metrics(), _sum(worker, "records_consumed_total")
    found = re.findall(r'^chatwarden_phase_seconds_sum{phase="(\w+)"} (\S+)$', exposition, re.MULTILINE)
    return {phase: round(float(seconds) / events * 1e6, 1) for phase, seconds in found}


if __name__ == "__main__":
    main()
