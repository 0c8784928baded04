"""From parts to a report: sums, one file of flips, one document, one page.  Equal parts give equal bytes."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from stream.errors import ConfigError, FileError
from stream.replay.answer.counts import Counts
from stream.replay.answer.document import Document, build_document
from stream.replay.answer.flips import gather_flips
from stream.replay.answer.players import count_players
from stream.replay.history.states import difference, untimed
from stream.replay.limits import Limits
from stream.replay.parts import FLIPS_PART, PLAYERS_PART, ROWS_PART, Parts
from stream.replay.plan import Plan, agree, load_plan
from stream.replay.run import Folder

JSON: Final = "report.json"
PAGE: Final = "report.html"
FLIPS: Final = "flips.parquet"
ROWS: Final = "rows"

Render = Callable[[Document], str]
"""Makes a page of an answer."""


def find_parts(plan: Plan, folders: list[Parts]) -> dict[int, Parts]:
    """Return where each part of a plan is.

    Raises:
        ConfigError: some are in none of the folders.
    """
    where: dict[int, Parts] = {}
    for stretch in plan.stretches:
        holder = next((parts for parts in folders if parts.has(stretch.number)), None)
        if holder is not None:
            where[stretch.number] = holder
    missing = [str(stretch.number) for stretch in plan.stretches if stretch.number not in where]
    if missing:
        some = ", ".join(missing[:10])
        raise ConfigError(
            f"{len(missing)} of {len(plan.stretches)} parts are missing ({some} …); finish every shard first"
        )
    return where


def merged(folders: list[Path]) -> tuple[Plan, dict[int, Parts]]:
    """Return the plan that shards share, and where its parts are.

    Raises:
        ConfigError: a folder has no plan, plans differ, or parts are missing.
    """
    found = [Folder(folder) for folder in folders]
    plans = []
    for folder in found:
        plan = load_plan(folder.plan)
        if plan is None:
            raise ConfigError(f"{folder.path} holds no unfinished run with a plan")
        plans.append(plan)
    # Shards on several machines may have read copies, which are written at another time.
    untimed_plans = [msgspec.structs.replace(plan, files=untimed(plan.files)) for plan in plans]
    first = untimed_plans[0]
    for folder, plan in zip(found, untimed_plans, strict=True):
        agree(first, plan.asked, folder.path)
        if changed := difference(first.files, plan.files) or difference(plan.files, first.files):
            raise ConfigError(f"{folder.path} is of other files than {folders[0]}: {changed}; run one of them again")
        if plan != first:
            raise ConfigError(
                f"{folder.path} covers another range of the topic than {folders[0]} (records were deleted in between); "
                "choose a --from that is still retained"
            )
    return plans[0], find_parts(plans[0], [folder.parts for folder in found])


def write_report(plan: Plan, where: Mapping[int, Parts], limits: Limits, report: Path, render: Render) -> Document:
    """Write ``report.json``, ``report.html`` (by ``render``) and ``flips.parquet``, and ``rows/`` where rows were kept.

    Raises:
        FileError: a part cannot be read or the report cannot be written.
    """
    counts = Counts()
    for number, parts in where.items():
        counts.add(parts.counts(number))
    try:
        report.mkdir(parents=True, exist_ok=True)
        sample = gather_flips(_paths(where, FLIPS_PART), report / FLIPS)
        document = build_document(plan.about, counts, count_players(_paths(where, PLAYERS_PART)), sample)
        document["limits"] = limits.checked(document)
        _keep_rows(where, report / ROWS)
        _write(report / JSON, msgspec.json.format(msgspec.json.encode(document)) + b"\n")
        _write(report / PAGE, render(document).encode())
    except OSError as exc:
        raise FileError(f"cannot write {report}: {exc.strerror}") from exc
    return document


def _paths(where: Mapping[int, Parts], suffix: str) -> list[Path]:
    return [parts.path(number, suffix) for number, parts in where.items()]


def _keep_rows(where: Mapping[int, Parts], folder: Path) -> None:
    """Copy the kept rows; those of an earlier report in this folder are removed, like its other files."""
    for path in folder.glob("[0-9]*.parquet"):
        path.unlink()
    for number, parts in where.items():
        rows = parts.path(number, ROWS_PART)
        if rows.exists():
            folder.mkdir(exist_ok=True)
            shutil.copyfile(rows, folder / f"{number:06d}.parquet")


def _write(path: Path, data: bytes) -> None:
    unfinished = path.with_suffix(path.suffix + ".unfinished")
    unfinished.write_bytes(data)
    unfinished.replace(path)


def check_compared(document: Document) -> None:
    """Fail if nothing was compared, since no limit could then be missed.

    Raises:
        ConfigError: no record is an event, or no event has both sides; says what is missing.
    """
    totals: dict[str, Any] = document["totals"]
    if totals["compared"]:
        return
    if not totals["events"]:
        raise ConfigError(f"nothing could be compared: of {totals['records']:,} records {_no_events(totals)}")
    kind, name = document["baseline"]["kind"], document["baseline"]["name"]
    if totals["left_out"]:
        lack = f"{_of_no_category(totals)}; give --model with the bundle that has them, or --depth rescore"
    elif kind == "labels" and totals["without_baseline"] == totals["events"]:
        lack = f"no event has the label {name!r} in its metadata"
    else:
        lack = "no recorded verdict is about any of them (do --verdicts, the topics and the span belong together?)"
    raise ConfigError(f"none of {totals['events']:,} events could be compared: {lack}")


def _no_events(totals: Mapping[str, Any]) -> str:
    causes: Mapping[str, int] = totals["dead_letters"]
    named = ", ".join(f"{cause} {n:,}" for cause, n in causes.items())
    return f"{sum(causes.values()):,} are not events ({named})"


def summary(document: Document) -> str:
    """Return the results in a few lines of text."""
    totals: dict[str, Any] = document["totals"]
    players: dict[str, Any] = document["players"]
    share = totals["flip_share"] or 0
    lines = [
        f"{totals['compared']:,} of {totals['events']:,} events compared; {totals['flips']:,} flips ({share:.2%}): "
        f"{totals['stricter']:,} stricter, {totals['milder']:,} milder",
        f"players: {players['newly_flagged']:,} newly flagged, {players['no_longer_flagged']:,} no longer; "
        f"{players['newly_blocked']:,} newly blocked, {players['no_longer_blocked']:,} no longer",
    ]
    if totals["dead_letters"]:
        lines.append(f"of {totals['records']:,} records {_no_events(totals)}")
    if totals["recorded_of_no_category"]:
        lines.append(f"{_of_no_category(totals)}; {totals['left_out']:,} of them left out")
    if document["quality"]:
        if unknown := document["quality"]["labels_of_no_category"]:
            lines.append(f"labels that name no category of the candidate: {_named(unknown)}")
        for side in ("baseline", "candidate"):
            q = document["quality"][side]
            named = {"precision": "precision", "recall": "recall", "f1": "F1", "auc": "AUC"}
            lines.append(f"{side}: " + ", ".join(f"{named[key]} {_defined(q[key])}" for key in named))
    elif document["truth"] == "labels":
        lines.append("labels: no event has one, so precision and recall are undefined")
    return "\n".join(lines)


def _defined(figure: float | None) -> str:
    return "–" if figure is None else str(figure)


def _of_no_category(totals: Mapping[str, Any]) -> str:
    return f"recorded verdicts name categories that the candidate lacks: {_named(totals['recorded_of_no_category'])}"


def _named(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({n:,})" for name, n in amounts.items())
