"""``python -m tests.bench.backtest [PART...]``: record events with a live worker on a real Kafka, then replay them.

``live``      one worker catches up on the first ``--live`` events, its model loaded before
``record``    the other events and their verdicts: the same judge, gate on, with a stand-in for the network that gives
              scores like its own (the trial is about reading them back)
``redecide``  another policy over all of both topics; over a quarter of them, for the memory; over the verdicts alone
``killed``    kill a redecision half way, resume it, compare the reports byte by byte
``rescore``   the shipped bundle, its gate on, over all texts
``archive``   archive both topics, redecide over the archive
``again``     the live rate once more, on topics of its own: what the machine gave may have changed meanwhile

All of them by default, in this order, and a table at the end of what was run.  With ``--folder`` the topics stay, so
that some parts may be run again: ``again redecide again``, on a machine that was made quiet for a minute.  Replays take
``--workers`` processes; their rates count both phases (recorded verdicts, events) with the start of processes and the
loading of the model, not the planning before, nor the writing of the report, which takes the same few seconds for any
history: the command's own time has all.  Rates by processor time depend less on what else the machine does.  Exit code
1 if anything live was touched, or the report of a killed and resumed run differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.bench.backtest_topics import AGAIN, TOPICS, Bench, live, rates, record, state
from tests.bench.backtest_watch import Watch, table
from tests.support.broker import Broker
from tests.support.processes import ROOT, Child, wait_until
from tests.support.replays import report_bytes

STATE: Final = "state.json"
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
_REDECIDE: Final = ("--topic", "chat.events", "--depth", "redecide")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--live", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=Path, help="keep topics and reports here")
    parser.add_argument("--texts", type=Path, help="what is said, a text a line, instead of what is made up")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = (given.folder or Path(name)).resolve()
        broker = Broker(folder / "kafka")
        broker.start()
        texts = given.texts.read_text(encoding="utf-8").splitlines() if given.texts else ()
        bench = Bench(broker.bootstrap, folder, given.events, given.live, given.workers, texts)
        (folder / "stricter.toml").write_text(_POLICY)
        _save(bench, results={})
        try:
            sound = [PARTS[part](bench) for part in given.parts or PARTS]
        finally:
            broker.stop()
        print(table(_saved(bench)["results"]))
    return 0 if all(sound) else 1


def _live(bench: Bench) -> bool:
    _result(bench, "live", live(bench))
    return True


def _again(bench: Bench) -> bool:
    number = len(_saved(bench)["results"])
    _result(bench, f"live again ({number})", live(bench, f"{AGAIN}{time.time_ns()}."))
    return True


def _record(bench: Bench) -> bool:
    def reached(number: int) -> None:
        if number >= bench.events // 4 and "quarter" not in _saved(bench):
            time.sleep(1)
            _save(bench, quarter=datetime.now(UTC).isoformat())

    _say("record", record(bench, reached))
    _save(bench, state=state(bench))
    return True


def _redecide(bench: Bench) -> bool:
    policy = ("--policy", str(bench.folder / "stricter.toml"))
    asked = {
        "redecide": _REDECIDE,
        "redecide quarter": (*_REDECIDE, "--to", _saved(bench)["quarter"]),
        "redecide verdicts alone": ("--topic", "moderation.verdicts", "--depth", "redecide"),
    }
    for name, arguments in asked.items():
        _result(bench, name, _replayed(bench, name, (*policy, *arguments)))
    return _untouched(bench)


def _rescore(bench: Bench) -> bool:
    found = _replayed(bench, "rescore", ("--topic", "chat.events", "--depth", "rescore"))
    answered = json.loads((bench.folder / "rescore" / "report.json").read_text())["answered_by"]["candidate"]
    _result(bench, "rescore", {**found, "answered_by": answered})
    return _untouched(bench)


def _archive(bench: Bench) -> bool:
    root = bench.folder / "archive"
    started = time.monotonic()
    for topic in (TOPICS["events"], TOPICS["verdicts"]):
        command = bench.command("archive", "--topic", topic, "-o", str(root))
        subprocess.run(command, cwd=ROOT, env={**os.environ, **bench.env}, check=True, capture_output=True)
    seconds = time.monotonic() - started
    files = ("--input", f"{root}/topic=chat.events", "--verdicts", f"{root}/topic=moderation.verdicts")
    policy = ("--policy", str(bench.folder / "stricter.toml"), "--depth", "redecide")
    found = _replayed(bench, "redecide archive", (*files, *policy))
    size = sum(path.stat().st_size for path in root.rglob("*.parquet"))
    _result(bench, "redecide archive", {**found, "archived_s": round(seconds, 1), "archive_mb": size // 2**20})
    return _untouched(bench)


def _killed(bench: Bench) -> bool:
    command = _backtest(bench, "killed", ("--policy", str(bench.folder / "stricter.toml"), *_REDECIDE))
    child = Child(command, bench.folder / "killed.log", env=bench.env)
    work = bench.folder / "killed" / "work"

    def kept() -> int:
        return len(list((work / "parts").glob("*.json")))

    wait_until(lambda: (work / "plan.json").exists() or not child.alive, 60, "a plan")
    parts = len(json.loads((work / "plan.json").read_text())["stretches"])
    wait_until(lambda: kept() >= parts // 2 or not child.alive, 600, "half")
    child.kill()
    _say("killed", {"parts_kept": kept(), "of": parts})
    subprocess.run([*command, "--resume"], cwd=ROOT, env={**os.environ, **bench.env}, check=True, capture_output=True)
    same = report_bytes(bench.folder / "killed") == report_bytes(bench.folder / "redecide")
    _say("resumed", {"reports_equal": same})
    return _untouched(bench) and same


PARTS: Final[dict[str, Callable[[Bench], bool]]] = {
    "live": _live,
    "record": _record,
    "redecide": _redecide,
    "killed": _killed,
    "rescore": _rescore,
    "archive": _archive,
    "again": _again,
}


def _untouched(bench: Bench) -> bool:
    """Whether groups and topics are as they were after recording."""
    same: bool = state(bench) == _saved(bench)["state"]
    _say("checks", {"live_untouched": same})
    return same


def _saved(bench: Bench) -> dict[str, Any]:
    path = bench.folder / STATE
    return json.loads(path.read_text()) if path.exists() else {}


def _save(bench: Bench, **found: object) -> None:
    (bench.folder / STATE).write_text(json.dumps({**_saved(bench), **found}))


def _result(bench: Bench, name: str, found: dict[str, Any]) -> None:
    """Say a result, and keep it for the table."""
    _say(name, found)
    _save(bench, results={**_saved(bench).get("results", {}), name: found})


def _say(what: str, figures: dict[str, Any]) -> None:
    print(json.dumps({"what": what, **figures}), flush=True)


def _backtest(bench: Bench, report: str, arguments: tuple[str, ...]) -> list[str]:
    named = ("--report", str(bench.folder / report), "--workers", str(bench.workers))
    return bench.command("backtest", *named, *arguments)


def _replayed(bench: Bench, name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    """Run a backtest; rates by its own timings."""
    started = time.monotonic()
    child = Child(_backtest(bench, name, arguments), bench.folder / f"{name}.log", env=bench.env)
    watch = Watch()
    watch.until_the_end(child)
    if child.process.wait():
        raise SystemExit(child.output())
    timing = json.loads((bench.folder / name / "timing.json").read_text())
    phases = [phase for phase in timing.values() if isinstance(phase, dict)]
    seconds, cpu_s = (sum(phase[key] for phase in phases) for key in ("seconds", "cpu_seconds"))
    command = {"command_s": round(time.monotonic() - started, 1), "command_cpu_s": round(watch.cpu_s, 1)}
    return {**rates(timing["events"]["count"], seconds, cpu_s), **command, "peak_mb": watch.peak_kb // 1024}


if __name__ == "__main__":
    sys.exit(main())
