"""``python -m tests.bench.latency``: append → visible to a read_committed reader, at a pace.

Without ``--chat`` the worker answers without a model; with it, it is ``chatwarden run`` with the default bundle, and
the file, a message a line, is what is said.  The worker and the bare transactional loop take turns on one broker, so
that what the machine does to one it does to the other.  Before they do, the worker is given ``--season`` seconds of the
same load, in which the broker is compiled.  Prints one line of JSON for each turn, then one with the ratios; asserts no
speed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from time import monotonic, time

from tests.bench.both_ways import COMMAND
from tests.bench.worker import SEASONED
from tests.support.broker import Broker
from tests.support.processes import ROOT, Child, free_port, wait_until
from tests.support.stream_topics import Reader, StreamTopics, delay_of
from tests.support.worker_process import WorkerProcess

SHARES = (50, 90, 99)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chat", type=Path, metavar="FILE", help="chat for the default bundle, as described above")
    parser.add_argument("--pace", type=int, default=10_000, help="events per second")
    parser.add_argument("--season", type=int, default=60, help="seconds of load before the first turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    parser.add_argument("--warm", type=int, default=5, help="seconds of a turn before those that count")
    parser.add_argument("--seconds", type=int, default=15, help="seconds of a turn that count")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        broker = Broker(Path(name) / "kafka", jvm=SEASONED)
        try:
            broker.start()
            _take_turns(Turns(broker.bootstrap, Path(name), given.pace, given.chat), given)
        finally:
            broker.stop()


def _take_turns(turns: "Turns", given: argparse.Namespace) -> None:
    turns.take(turns.worker, given.season, 1)
    found: dict[str, list[dict[str, float]]] = {"worker": [], "bare": []}
    for _ in range(given.rounds):
        for who, start in (("worker", turns.worker), ("bare", turns.bare)):
            figures = turns.take(start, given.warm, given.seconds)
            found[who].append(figures)
            print(json.dumps({"who": who, **figures}), flush=True)
    typical = {
        who: {name: round(median(turn[name] for turn in taken), 1) for name in taken[0]} for who, taken in found.items()
    }
    ratios = {name: round(typical["worker"][name] / typical["bare"][name], 2) for name in typical["worker"]}
    print(json.dumps({"median": typical, "worker_over_bare": ratios}), flush=True)


@dataclass(frozen=True, slots=True)
class Turns:
    """One program after the other, each with topics of its own."""

    bootstrap: str
    folder: Path
    pace: int
    chat: Path | None

    def worker(self, topics: StreamTopics) -> Callable[[], None]:
        """Start the worker; returns what ends it."""
        env = topics.env(KAFKA__GROUP_PROTOCOL="consumer")
        if self.chat is None:
            worker = WorkerProcess(self.folder, "worker", env)
            worker.wait_ready(60)
            return worker.kill
        address = f"127.0.0.1:{free_port()}"
        env |= {"CHATWARDEN__ADMIN__PORT": address.rpartition(":")[2]}
        command = Child([COMMAND, "run", "--slot", "bench"], self.folder / "run.log", env)
        wait_until(lambda: _is_ready(address), 60, "the worker is ready")
        return command.kill

    def bare(self, topics: StreamTopics) -> Callable[[], None]:
        """Start the bare loop, with the worker's largest chunk; returns what ends it."""
        names = [topics.bootstrap, topics.name("events"), topics.name("verdicts"), topics.group]
        command = [sys.executable, "-m", "tests.bench.bare_loop", *names, str(sys.maxsize), "512"]
        return Child(command, self.folder / "bare.log").kill

    def take(self, start: Callable[[StreamTopics], Callable[[], None]], warm: int, seconds: int) -> dict[str, float]:
        """Append at the pace and return the delays of what comes after ``warm`` seconds, in milliseconds."""
        topics = StreamTopics(self.bootstrap)
        topics.create()
        end, reader = start(topics), Reader(topics, ["verdicts"])
        sender = [sys.executable, "-m", "tests.bench.sender", topics.bootstrap, topics.suffix, str(self.pace)]
        chat = [] if self.chat is None else [str(self.chat.resolve())]
        try:
            with subprocess.Popen([*sender, str(warm + seconds), *chat], cwd=ROOT) as sending:
                delays = _delays(reader, self.pace * warm, self.pace * seconds, warm + seconds + 60)
                sending.wait(60)
        finally:
            reader.close()
            end()
        counted = len(delays)
        shares = {f"p{p}_ms": round(delays[min(int(counted * p / 100), counted - 1)] * 1e3, 1) for p in SHARES}
        return {**shares, "max_ms": round(delays[-1] * 1e3, 1)}


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=1) as response:
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False


def _delays(reader: Reader, skipped: int, counted: int, timeout: float) -> list[float]:
    """Return the sorted delays of ``counted`` verdicts after the first ``skipped``.

    No message is kept: the collector's walk over a growing heap would hold the reader up, and be measured.
    """
    give_up = monotonic() + timeout
    delays: list[float] = []
    seen = 0
    while seen < skipped + counted and monotonic() < give_up:
        messages, now = reader.next(0.2), time()
        new = [delay for message in messages if (delay := delay_of(message, now)) is not None]
        delays += new[max(skipped - seen, 0) :]
        seen += len(new)
    if seen < skipped + counted:
        raise TimeoutError(f"{seen} of {skipped + counted} verdicts became visible")
    return sorted(delays)


if __name__ == "__main__":
    main()
