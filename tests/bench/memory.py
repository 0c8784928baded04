"""``python -m tests.bench.memory``: how much ``moderate`` and ``run`` grow over a million events each, model and all.

``moderate``  lines through a pipe, made as they are asked for
``run``       the worker on a real broker, a tenth appended whenever the last one is committed

The chat is generated, a few broken events included.  Prints the resident memory at each tenth and the growth after the
first; asserts nothing.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

from stream.chatter.generate import Chatter
from tests.support.broker import Broker
from tests.support.processes import Child, free_port, wait_until
from tests.support.stream_topics import StreamTopics, send

COMMAND: Final = str(Path(sys.executable).with_name("chatwarden"))
RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+) kB")
COMMITTED: Final = re.compile(r"^chatwarden_records_consumed_total{.*} (\S+)$", re.MULTILINE)
PARTS: Final = ("moderate", "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--resolvers", default="rules,gate,classifier")
    given = parser.parse_args()
    for part in given.parts or PARTS:
        if part == "moderate":
            Growth("moderate", given.events).watch(moderated(given.events, given.resolvers))
        else:
            Growth("run", given.events).watch(judged_by_run(given.events, given.resolvers))


class Growth:
    """Reads a process's memory at each tenth."""

    def __init__(self, part: str, events: int) -> None:
        self._part, self._events = part, events

    def watch(self, steps: Iterator[tuple[int, int]]) -> None:
        """Print as ``steps`` say how many events are done, and by which process."""
        started, marks = time.monotonic(), list[float]()
        for done, pid in steps:
            marks.append(resident_mb(pid))
            spent = time.monotonic() - started
            print(f"{self._part:<9} {done:>10,} events  {marks[-1]:7.1f} MB  {spent:7.1f} s", flush=True)
        grown = f"{max(marks) - marks[0]:.1f} MB" if marks else "unknown: too few events"
        print(f"{self._part:<9} growth after the first tenth: {grown}", flush=True)


def moderated(count: int, resolvers: str) -> Iterator[tuple[int, int]]:
    """Send lines through ``chatwarden moderate``; yield after each tenth of the verdicts."""
    talk = subprocess.Popen([COMMAND, "chatter", "--count", str(count)], stdout=subprocess.PIPE)
    judge = subprocess.Popen(
        [COMMAND, "moderate", "--resolvers", resolvers, "--dead-letters", "/dev/null"],
        stdin=talk.stdout,
        stdout=subprocess.PIPE,
    )
    assert judge.stdout
    for number, _ in enumerate(judge.stdout, 1):
        if number % (count // 10) == 0:
            yield number, judge.pid
    print(f"{'moderate':<9} exit codes {talk.wait()}, {judge.wait()}")


def judged_by_run(count: int, resolvers: str) -> Iterator[tuple[int, int]]:
    """Let ``chatwarden run`` judge on a real broker; yield after each tenth."""
    talk = Chatter(1)
    events = (talk.say(datetime.now(UTC)) for _ in range(count))
    with tempfile.TemporaryDirectory() as name:
        broker, port = Broker(Path(name, "kafka")), free_port()
        broker.start()
        try:
            topics = StreamTopics(broker.bootstrap)
            topics.create()
            env = topics.env(ADMIN__PORT=str(port))
            worker = Child([COMMAND, "run", "--slot", "bench", "--resolvers", resolvers], Path(name, "log"), env)
            for tenth in range(1, 11):
                send(topics, islice(events, count // 10))
                due = count // 10 * tenth
                wait_until(partial(reached, port, worker, due), 3_600, f"{due} events are committed")
                yield due, worker.process.pid
            print(f"{'run':<9} exit code {worker.stop()}")
        finally:
            broker.stop()


def reached(port: int, worker: Child, count: int) -> bool:
    """Whether the worker has committed so many events."""
    if not worker.alive:
        raise RuntimeError(worker.output()[-2_000:])
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            return sum(map(float, COMMITTED.findall(reply.read().decode()))) >= count
    except OSError:  # not up yet
        return False


def resident_mb(pid: int) -> float:
    """Return a process's resident memory in MB."""
    found = RESIDENT.search(Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1_024


if __name__ == "__main__":
    main()
