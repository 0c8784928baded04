"""Replays of files with a scorer of a few words: everything but the network is real."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.classifier import ClassifierResolver
from model.policy import Decider, Limits, Policy
from model.policy_columns import ColumnDecider
from model.rules import load_packs
from model.scorer import Scorer, scorer_digest
from stream.judge import Judge
from stream.records import Chunk, Outgoing, Record
from stream.replay.crew import Crew
from stream.replay.finish import find_parts, write_report
from stream.replay.history.events import Labelling
from stream.replay.job import Job
from stream.replay.judging.floors import Floors
from stream.replay.judging.sides import (
    REPLAYED_AT,
    Judged,
    Labelled,
    Recorded,
    Redecided,
    Rescored,
    Scored,
    Side,
)
from stream.replay.limits import Limits as ReportLimits
from stream.replay.request import Request
from stream.replay.run import Console, Folder, Shard, replay
from stream.replay.work import Sides
from stream.settings import Settings
from tests.support.chatlog import lines
from tests.support.judges import TAXONOMY, WordClassifier

LENIENT = Policy(name="lenient", thresholds={"insult": Limits(flag=0.9)})
STRICT = Policy(name="strict", thresholds={"insult": Limits(flag=0.1, block=0.9)})
SCORER = Scorer(TAXONOMY, [ClassifierResolver(WordClassifier())], scorer_digest(TAXONOMY, {}))


def a_policy_judge(policy: Policy) -> Judge:
    """Judge by the words and a policy."""
    return Judge(SCORER, Decider(policy, TAXONOMY), b"key", lambda: REPLAYED_AT)


def record_history(folder: Path, count: int = 2_000) -> tuple[Path, Path]:
    """Write ``events.jsonl`` and, as the lenient policy decided, ``verdicts.jsonl``."""
    events, verdicts = folder / "events.jsonl", folder / "verdicts.jsonl"
    raw = list(lines(count))
    events.write_bytes(b"\n".join([*raw, b""]))
    judged = a_policy_judge(LENIENT)(Chunk([Record(line, place) for place, line in enumerate(raw)]))
    written = [result.verdict for result in judged.results if isinstance(result, Outgoing)]
    verdicts.write_bytes(b"\n".join([*written, b""]))
    return events, verdicts


def cast_words(job: Job) -> Sides:
    """Build sides on the words: the strict policy is the candidate, ``policy:lenient`` the other one."""
    decider = ColumnDecider(Decider(STRICT, TAXONOMY), TAXONOMY)
    lenient = ColumnDecider(Decider(LENIENT, TAXONOMY), TAXONOMY)
    floors = Floors(load_packs({}), {}, TAXONOMY)
    scored = Scored(SCORER, 1_000)
    candidates: dict[str, Side] = {
        "redecide": Redecided(decider, TAXONOMY, floors),
        "rescore": Rescored(scored, decider),
        "full": Judged(a_policy_judge(STRICT), 100),
    }
    baselines: dict[str, Side] = {
        "recorded": Recorded(),
        "labels": Labelled(),
        "policy": Redecided(lenient, TAXONOMY, floors) if job.depth == "redecide" else Rescored(scored, lenient),
        "bundle": Rescored(Scored(SCORER, 0), decider),
    }
    return Sides(baselines[job.baseline.kind], candidates[job.depth], Labelling(job.label), TAXONOMY.names)


def replay_files(
    report: Path,
    request: Request,
    *,
    workers: int = 1,
    shard: Shard = Shard(),  # noqa: B008 - immutable
    resume: bool = False,
    limits: ReportLimits = ReportLimits(),  # noqa: B008 - immutable
) -> dict[str, Any] | None:
    """Do what the command does, with the words' scorer; None where it was a share."""
    job = request.job(Settings())
    folder = Folder(report)
    asked = request.asked(job, {})
    plan = folder.settle(asked, lambda: request.plan(job, asked), resume)
    with Crew(workers) as crew:
        replay(job, plan, folder, shard, crew, cast_words, Console(io.StringIO(), lambda: 0.0))
    if shard.of > 1:
        return None
    return write_report(plan, find_parts(plan, [folder.parts]), limits, report, in_short)


def in_short(document: dict[str, Any]) -> str:
    """Stand in for the page, whose plots take a second; it has a test of its own."""
    return str(document["totals"])


def a_request(events: Path, verdicts: Path | None, **changes: Any) -> Request:
    """Ask for a redecision of files, in stretches of a few hundred events."""
    named = () if verdicts is None else (str(verdicts),)
    return replace(Request(files=(str(events),), verdicts=named, depth="redecide", stretch=300), **changes)


def report_bytes(report: Path, names: Sequence[str] = ("report.json", "report.html", "flips.parquet")) -> list[bytes]:
    """Return the bytes of a report's files."""
    return [(report / name).read_bytes() for name in names]
