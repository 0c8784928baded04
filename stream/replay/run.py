"""A run from plan to report, resumable after every stretch."""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self, TextIO

from stream.errors import ConfigError, FileError
from stream.replay.crew import Crew, compare_task, verdict_task
from stream.replay.history.states import states_of
from stream.replay.history.stretch import Stretch
from stream.replay.job import Job
from stream.replay.locks import lock
from stream.replay.parts import Parts
from stream.replay.plan import (
    Origins,
    Plan,
    agree,
    agree_on_files,
    by_partition,
    load_plan,
    save_plan,
    shares,
    spans_of,
)
from stream.replay.progress import Meter
from stream.replay.work import Cast, Desk, translating

WORK: Final = "work"
PLAN: Final = "plan.json"
PARTS: Final = "parts"
TIMING: Final = "timing.json"


class Shard(NamedTuple):
    """Which share of a plan a run does; ``number`` counts from 0."""

    number: int = 0
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``i/N``, i from 0.

        Raises:
            ConfigError: it is not that.
        """
        number, _, count = text.partition("/")
        if number.isdecimal() and count.isdecimal() and int(number) < int(count):
            return cls(int(number), int(count))
        raise ConfigError(f"--shard {text}: give i/N with i from 0 to N-1, as in 0/4")


@dataclass(frozen=True, slots=True)
class Folder:
    """A report's folder, with the work files behind it."""

    path: Path

    @property
    def work(self) -> Path:
        """Plan, parts and recorded verdicts; removed once the report is written."""
        return self.path / WORK

    @property
    def plan(self) -> Path:
        """The plan's file."""
        return self.work / PLAN

    @property
    def parts(self) -> Parts:
        """The parts."""
        return Parts(self.work / PARTS)

    def check(self) -> None:
        """Check before the work that the folder can be created and written; leaves nothing behind.

        Raises:
            FileError: it cannot.
        """
        whole = self.path.absolute()
        there = next(path for path in (whole, *whole.parents) if os.access(path, os.F_OK))
        if not there.is_dir():
            raise FileError(f"--report {self.path}: {there} is not a folder")
        if not os.access(there, os.W_OK | os.X_OK):
            raise FileError(f"--report {self.path}: {there} cannot be written")

    def settle(self, asked: dict[str, object], make: Callable[[], Plan], resume: bool) -> Plan:  # noqa: FBT001 - as given on the command line
        """Return the plan: the existing one if the run is resumed, else a new one.

        Raises:
            ConfigError: there is one and ``--resume`` was not given, or it belongs to another request, or a file has
                changed since.
        """
        made, found = None, load_plan(self.plan)
        if found is None:
            made = make()
            resume |= save_plan(self.plan, made)
            found = load_plan(self.plan) or made
        if not resume:
            raise ConfigError(
                f"{self.path} holds an unfinished run; continue it with --resume, or choose another --report"
            )
        agree(found, json.loads(json.dumps(asked)), self.path)
        agree_on_files(found, states_of(found.files) if made is None else made.files, self.path)
        return found

    @contextmanager
    def alone(self, shard: Shard, console: "Console") -> Iterator[None]:
        """Lock a share; the operating system releases it when the process ends, however it does.

        A file system without locks cannot exclude other runs.  It may be the only one that all shards share, so the
        run warns and continues.

        Raises:
            ConfigError: another run has it.
            FileError: the work was removed.
        """
        with translating(self.work), (self.work / f"share-{shard.number}-of-{shard.of}.lock").open("wb") as file:
            try:
                locked = lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise ConfigError(
                    f"{self.path}: another run is at work; wait for it, or give another --report"
                ) from exc
            if not locked:
                console.say(
                    f"{self.path}: its file system has no locks, so a second run in this folder would not be noticed; "
                    "start none, or choose a --report folder on another disk"
                )
            yield

    def clear(self) -> None:
        """Remove the work, its plan last: parts that are left without one would be taken for those of the next run.

        Raises:
            FileError: it cannot be removed.
        """
        try:
            for path in self.work.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
            shutil.rmtree(self.work)
        except OSError as exc:
            raise FileError(f"cannot remove {self.work}: {exc.strerror}") from exc


@dataclass(frozen=True, slots=True)
class Console:
    """Progress output and a clock in seconds."""

    output: TextIO
    clock: Callable[[], float]

    def say(self, line: str) -> None:
        """Write a line."""
        self.output.write(f"{line}\n")
        self.output.flush()


def replay(job: Job, plan: Plan, folder: Folder, shard: Shard, crew: Crew, cast: Cast, console: Console) -> None:
    """Process the unfinished stretches of a share of the plan.

    Raises:
        ConfigError, FileError, TransportError, DataLost: as ``work``; complete parts are kept.
        Interrupted: likewise.
    """
    mine = shares(plan.stretches, shard.of)[shard.number]
    left = [stretch for stretch in mine if not folder.parts.has(stretch.number)]
    origin = plan.origin
    if origin is not None and job.topic is not None:
        origin = Origins(origin.topic, spans_of(mine))  # room for this share's verdicts only
    desk = Desk(job, folder.parts.folder, folder.work / f"recorded-{shard.number}-of-{shard.of}", origin)
    timing: dict[str, object] = {}
    with translating(folder.path):
        desk.parts.mkdir(parents=True, exist_ok=True)
        if left and job.needs_recorded and not job.verdicts_alone:  # be there any or none
            timing["recorded"] = _index(desk, plan.verdicts, crew, console)
        meter = _meter(console, "events", mine, left)
        cpu_s = crew.do(compare_task(desk, cast), shares(left, crew.size), meter.done)
        timing["events"] = _finished(meter, cpu_s)
        name = TIMING if shard.of == 1 else f"timing-{shard.number}-of-{shard.of}.json"
        (folder.path / name).write_text(json.dumps({"workers": crew.size, **timing}, indent=1) + "\n", encoding="utf-8")


def _index(desk: Desk, verdicts: list[Stretch], crew: Crew, console: Console) -> dict[str, object]:
    """Index the recorded verdicts for look-up by event."""
    store = desk.store()
    store.table.prepare()
    left = [stretch for stretch in verdicts if not store.has(stretch.number)]
    meter = _meter(console, "recorded verdicts", verdicts, left)
    lanes = by_partition(left, crew.size if store.table.shareable() else 1)
    cpu_s = crew.do(verdict_task(desk), lanes, meter.done)
    store.table.seal()
    return _finished(meter, cpu_s)


def _meter(console: Console, phase: str, stretches: list[Stretch], left: list[Stretch]) -> Meter:
    total = sum(stretch.weight for stretch in stretches)
    return Meter(console.output, console.clock, phase, total, total - sum(stretch.weight for stretch in left))


def _finished(meter: Meter, cpu_s: float) -> dict[str, object]:
    """Report a phase's summary; return it for the file of timings."""
    meter.finish()
    return {"count": meter.events, "seconds": round(meter.seconds, 3), "cpu_seconds": round(cpu_s, 3)}
