"""``chatwarden backtest``: compares a candidate model or policy on past chat; limits can gate a change."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream.commands import backtest_options as options
from stream.commands.options import Config, Model, PolicyFile, Resolvers, resolver_names
from stream.errors import LimitsExceeded

if TYPE_CHECKING:
    from stream.replay.answer.document import Document
    from stream.replay.limits import Limits
    from stream.replay.request import Request
    from stream.settings import Settings

app = typer.Typer(invoke_without_command=True)


@app.callback()
def backtest(
    context: typer.Context,
    *,
    topic: options.Topic = None,
    since: options.From = None,
    until: options.To = None,
    files: options.Input = None,
    verdicts: options.Verdicts = None,
    model: Model = None,
    policy: PolicyFile = None,
    baseline: options.Baseline = "recorded",
    depth: options.Depth = None,
    labels: options.Labels = None,
    reviews: options.Reviews = None,
    max_flips: options.MaxFlips = None,
    max_newly_flagged_players: options.MaxFlaggedPlayers = None,
    max_newly_blocked_players: options.MaxBlockedPlayers = None,
    min_precision: options.MinPrecision = None,
    min_recall: options.MinRecall = None,
    min_f1: options.MinF1 = None,
    min_auc: options.MinAuc = None,
    min_compared: options.MinCompared = None,
    report: options.Report = Path("backtest"),
    text: options.Text = True,
    rows: options.Rows = False,
    resume: options.Resume = False,
    workers: options.Workers = None,
    shard: options.Shard = None,
    stretch: options.StretchSize = None,
    resolvers: Resolvers = None,
    config: Config = None,
) -> None:
    """Replay history through a candidate bundle or policy, and report who would be flagged or blocked, or no longer.

    Exit codes: 0 done, limits met · 1 limits missed · 2 usage or configuration · 74 a file cannot be read or written ·
    75 Kafka is unavailable · 77 records were deleted before they were read · 130 or 143 interrupted (use --resume).
    """
    given = dict(locals())
    if context.invoked_subcommand is None:
        _backtest(given)


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="The --report folders of all shards.")],
    *,
    report: options.Report = Path("backtest"),
    max_flips: options.MaxFlips = None,
    max_newly_flagged_players: options.MaxFlaggedPlayers = None,
    max_newly_blocked_players: options.MaxBlockedPlayers = None,
    min_precision: options.MinPrecision = None,
    min_recall: options.MinRecall = None,
    min_f1: options.MinF1 = None,
    min_auc: options.MinAuc = None,
    min_compared: options.MinCompared = None,
) -> None:
    """Merge the work of all shards into one report, byte-identical to that of a single run.

    Exit codes: 0 done, limits met · 1 limits missed · 2 a shard is missing or unfinished, or they do not belong
    together · 74 a file cannot be read or written.
    """
    given = dict(locals())
    from stream.replay.finish import merged, write_report
    from stream.replay.report.page import render
    from stream.replay.run import Folder

    Folder(report).check()
    plan, where = merged(folders)
    limits = _limits(given)
    limits.check_labels(plan.about["truth"] == "labels")
    _conclude(write_report(plan, where, limits, report, render), report)


def _backtest(given: dict[str, Any]) -> None:
    """Run as asked; ``given`` are the options by name."""
    from stream.interrupts import Interrupted, Interrupts

    try:
        with Interrupts() as interrupts:
            # Parts are written atomically, so a signal may end the work anywhere.
            document = interrupts.wait(lambda: _run(given))
    except Interrupted as exc:
        typer.echo("interrupted; finished parts are kept, continue with --resume", err=True)
        raise typer.Exit(exc.exit_code) from exc
    if document is None:
        typer.echo(f"shard {given['shard']} is done; when all are, run: chatwarden backtest merge DIR...", err=True)
    else:
        _conclude(document, given["report"])


def _run(given: dict[str, Any]) -> "Document | None":
    """Do a share and, where it is the whole, write the report."""
    import sys
    import time

    from model.cores import usable_cores
    from stream.replay.ahead import load_ahead

    cores = usable_cores()
    workers = given["workers"] or cores
    if workers > 1:
        load_ahead()

    from stream import wiring_replay
    from stream.replay.crew import Crew
    from stream.replay.extras import check_extras
    from stream.replay.finish import find_parts, write_report
    from stream.replay.report.page import render
    from stream.replay.run import Console, Folder, Shard, replay

    check_extras()
    request, limits, shard = _request(given), _limits(given), Shard.parse(given["shard"] or "0/1")
    request.check_shard(shard.of)
    folder = Folder(given["report"])
    folder.check()
    console = Console(sys.stderr, time.monotonic)
    with Crew(workers) as crew:
        settings = wiring_replay.sharing(_settings(given), workers, cores)
        job = request.job(settings)
        limits.check_labels(job.labelled)
        asked = request.asked(job, wiring_replay.contents(job))
        plan = folder.settle(asked, lambda: request.plan(job, asked), given["resume"] or shard.of > 1)
        with folder.alone(shard, console):
            replay(job, plan, folder, shard, crew, wiring_replay.sides, console)
            if shard.of > 1:
                return None
            document = write_report(plan, find_parts(plan, [folder.parts]), limits, folder.path, render)
            folder.clear()
            return document


def _conclude(document: "Document", report: Path) -> None:
    """Report the result.

    Raises:
        ConfigError: nothing was compared.
        LimitsExceeded: limits are missed.
    """
    from stream.replay.finish import PAGE, check_compared, summary
    from stream.replay.limits import missed

    typer.echo(f"{summary(document)}\nreport: {report / PAGE}", err=True)
    check_compared(document)
    if text := missed(document["limits"]):
        raise LimitsExceeded(text)


def _settings(given: dict[str, Any]) -> "Settings":
    from stream.settings import load_settings

    resolvers = resolver_names(given["resolvers"])
    overrides = {"model.bundle": given["model"], "policy.path": given["policy"], "pipeline.resolvers": resolvers}
    return load_settings(given["config"], overrides)


def _request(given: dict[str, Any]) -> "Request":
    from stream.replay.request import Request

    names = ("topic", "since", "until", "baseline", "depth", "labels", "reviews", "text", "rows", "stretch")
    files, verdicts = tuple(given["files"] or ()), tuple(given["verdicts"] or ())
    return Request(**{name: given[name] for name in names}, files=files, verdicts=verdicts)


def _limits(given: dict[str, Any]) -> "Limits":
    from stream.replay.limits import Flips, Limits

    values = {name: given[name] for name in Limits._fields}
    if values["max_flips"] is not None:
        values["max_flips"] = Flips.parse(values["max_flips"])
    return Limits(**values)
