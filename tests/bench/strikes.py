"""The full trial of the strikes worker: ``python -m tests.bench.strikes``.

Two workers add up the verdicts while one of them is killed or frozen now and then and a third comes and goes; a short
``--pause`` makes rebalances overtake each other.  In the end their standings, channels and strikes must equal the pure
fold over what lies in the topics.  Prints what it measured.

Exit codes: 0 equal · 1 not equal.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from schemas.verdict import Verdict
from stream.strikes.ladder import Ladders
from tests.support.processes import Child, wait_until
from tests.support.servers import kafka_server
from tests.support.strikes_trial import Trial, actual, committed, ends, expected, feed, is_done
from tests.support.verdicts import a_history

UNBEGUN = (-signal.SIGTERM, 128 + signal.SIGTERM)
"""Exit codes of a process that was asked to end while Python, or the command line, was being loaded."""


@dataclass(slots=True)
class Faults:
    """What was done to the workers."""

    kills: int = 0
    freezes: int = 0
    joins: int = 0
    leaves: int = 0
    slowest_end_s: float = 0.0


@dataclass(slots=True)
class Storm:
    """Two workers that are killed and frozen at random, one that comes and goes."""

    trial: Trial
    chance: random.Random
    faults: Faults = field(default_factory=Faults)
    workers: list[Child] = field(default_factory=list)
    visitor: Child | None = None

    def begin(self) -> None:
        """Start the two."""
        self.workers = [self.trial.start("worker-0"), self.trial.start("worker-1")]

    def kill(self) -> None:
        """Kill one of the two; half the time it comes back to its disk, half the time to none."""
        victim = self.chance.randrange(2)
        self.workers[victim].kill()
        self.faults.kills += 1
        name = f"worker-{victim}" if self.chance.random() < 0.5 else f"worker-new-{self.faults.kills}"
        self.workers[victim] = self.trial.start(name)

    def freeze(self) -> None:
        """Stop one of the two for longer than its session lasts; when it wakes, others have what it had."""
        victim = self.chance.choice(self.workers)
        victim.signal(signal.SIGSTOP)
        self.faults.freezes += 1
        threading.Timer(self.chance.uniform(2.5, 4.0), victim.signal, (signal.SIGCONT,)).start()

    def rebalance(self) -> None:
        """Let the third come, or go in the orderly way."""
        if self.visitor is None:
            self.visitor = self.trial.start("visitor")
            self.faults.joins += 1
        else:
            self._end(self.visitor)
            self.visitor = None
            self.faults.leaves += 1

    def finish(self) -> None:
        """End everybody in the orderly way."""
        for child in (*self.workers, *([self.visitor] if self.visitor else [])):
            self._end(child)

    def _end(self, child: Child) -> None:
        began = time.monotonic()
        child.signal(signal.SIGTERM)
        code = child.process.wait(30)
        self.faults.slowest_end_s = max(self.faults.slowest_end_s, time.monotonic() - began)
        if code != 0 and (code not in UNBEGUN or Trial.has_begun(child)):
            raise SystemExit(f"a worker ended with {code}:\n{child.output()[-3_000:]}")


def main() -> int:
    """Run the trial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", type=int, default=100_000)
    parser.add_argument("--players", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--freezes", type=int, default=10)
    parser.add_argument("--rebalances", type=int, default=20)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between faults, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calm", action="store_true", help="no faults: how fast, how soon taken over, how soon back")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, kafka_server(Path(folder) / "kafka") as bootstrap:
        trial = Trial(bootstrap, Path(folder))
        trial.prepare()
        try:
            return _calm(trial, options) if options.calm else _run(trial, options)
        finally:
            trial.close()


def _run(trial: Trial, options: argparse.Namespace) -> int:
    chance = random.Random(options.seed)
    history = a_history(options.verdicts, options.players, options.seed)
    storm = Storm(trial, chance)
    storm.begin()
    began = time.monotonic()
    faults = [storm.kill] * options.kills + [storm.freeze] * options.freezes + [storm.rebalance] * options.rebalances
    chance.shuffle(faults)
    # Verdicts come in bursts all the while, so that faults meet workers that are busy.
    bursts = 2 * len(faults)
    feeding = (trial, history, len(history) // bursts + 1, options.pause / 2)
    feeder = threading.Thread(target=_feed, args=feeding, daemon=True)
    feeder.start()
    for fault in faults:
        time.sleep(chance.uniform(0.2, 2 * options.pause))
        fault()
        print(f"{time.monotonic() - began:6.1f} s  {storm.faults}", file=sys.stderr)
    feeder.join()
    goal = ends(trial)
    wait_until(lambda: is_done(trial, goal), 300, "all is tallied")
    took = time.monotonic() - began
    storm.finish()
    return _report(trial, storm, took, options)


def _calm(trial: Trial, options: argparse.Namespace) -> int:
    """Measure one worker on a backlog, the taking over of a dead one's partitions, and a start without a disk."""
    history = a_history(options.verdicts + 400, options.players, options.seed)
    feed(trial, history[:-400], 1_000)
    goal = ends(trial)
    worker = trial.start("worker-0")
    wait_until(lambda: committed(trial) > 0, 60, "the first verdicts are tallied")
    began, first, cpu = time.monotonic(), committed(trial), _cpu_s(worker)
    wait_until(lambda: is_done(trial, goal), 600, "all is tallied")
    verdicts = (sum(goal.values()) - first) * options.verdicts / sum(goal.values())
    took, cpu = time.monotonic() - began, _cpu_s(worker) - cpu
    print(
        f"one worker: {verdicts / took:.0f} verdicts/s, remarks included; {1e6 * cpu / verdicts:.0f} cpu-us per verdict"
    )
    other = trial.start("worker-1")
    wait_until(lambda: "tables restored" in other.output(), 60, "the other has its share")
    worker.kill()
    began = time.monotonic()
    feed(trial, history[-400:])
    goal = ends(trial)
    wait_until(lambda: is_done(trial, goal), 120, "the other has taken over")
    print(f"taken over {time.monotonic() - began:.1f} s after kill -9, session time-out 2 s")
    other.signal(signal.SIGTERM)
    other.process.wait(30)
    began = time.monotonic()
    fresh = trial.start("worker-fresh")
    wait_until(lambda: "tables restored" in fresh.output(), 120, "a worker without a disk is there")
    print(f"a worker without a disk is there {time.monotonic() - began:.1f} s after its start")
    fresh.signal(signal.SIGTERM)
    fresh.process.wait(30)
    _restores(trial)
    return 0


def _cpu_s(child: Child) -> float:
    """Return the processor time that a worker has taken so far."""
    fields = Path(f"/proc/{child.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _feed(trial: Trial, history: list[Verdict], share: int, pause: float) -> None:
    chance = random.Random(2)
    for number, start in enumerate(range(0, len(history), share)):
        feed(trial, history[start : start + share], chance.choice((5, 50, 500)), seed=number)
        time.sleep(chance.uniform(0, 2 * pause))


def _report(trial: Trial, storm: Storm, took: float, options: argparse.Namespace) -> int:
    wanted, found = expected(trial, Ladders()), actual(trial)
    kinds: dict[str, int] = {}
    for body in wanted.strikes.values():
        kind = json.loads(body)["kind"]
        kinds[kind] = kinds.get(kind, 0) + 1
    print(f"verdicts {options.verdicts}, players {len(wanted.standings)}, channels {len(wanted.channels)}")
    print(f"faults   {storm.faults}; {took:.0f} s in all")
    print(f"strikes  {len(wanted.strikes)}: {kinds}")
    for name in ("standings", "channels", "strikes"):
        one, other = getattr(wanted, name), getattr(found, name)
        wrong = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
        print(f"{name:9s} {'equal' if not wrong else f'{len(wrong)} differ'}")
    print(f"strikes published {found.published}, of these again {found.published - len(found.strikes)}")
    _restores(trial)
    return 0 if wanted.same_as(found) else 1


def _restores(trial: Trial) -> None:
    """Print how long partitions took to read back."""
    lines = [
        json.loads(line)
        for log in trial.folder.glob("*.log")
        for line in log.read_text().splitlines()
        if "tables restored" in line
    ]
    long = [line for line in lines if line["records"] >= 1_000]
    seconds = sorted(line["seconds"] for line in lines)
    print(f"read back {len(lines)} times; seconds: median {seconds[len(seconds) // 2]}, most {seconds[-1]}")
    if long:
        rate = sum(line["records"] for line in long) / sum(line["seconds"] for line in long)
        most = max(long, key=lambda line: int(line["records"]))
        print(f"largest   {most['records']} changelog records in {most['seconds']} s; {rate:.0f} records/s on average")


if __name__ == "__main__":
    sys.exit(main())
