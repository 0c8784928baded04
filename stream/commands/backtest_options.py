"""Options of ``chatwarden backtest``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

_HISTORY = "History"
_COMPARISON = "Comparison"
_LIMITS = "Limits: exit code 1 if missed"
_RUN = "The run"

Topic = Annotated[
    str | None,
    typer.Option(
        "--topic", metavar="T", rich_help_panel=_HISTORY, help="Topic of the events, or of the verdicts alone."
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="TIME", rich_help_panel=_HISTORY, help="First broker timestamp, such as 2026-01-31T18:00Z."
    ),
]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="TIME",
        rich_help_panel=_HISTORY,
        help="Broker timestamp to stop before; default: the current end.",
    ),
]
Input = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="FILES",
        rich_help_panel=_HISTORY,
        help="JSON Lines, Parquet or archives: paths, globs, folders, URLs. May be given several times.",
    ),
]
Verdicts = Annotated[
    list[str] | None,
    typer.Option("--verdicts", metavar="FILES", rich_help_panel=_HISTORY, help="Recorded verdicts for --input."),
]
Baseline = Annotated[
    str,
    typer.Option(
        "--baseline",
        rich_help_panel=_COMPARISON,
        help="recorded[:FILES], bundle:DIR, policy:FILE or labels:FIELD (of the event's metadata).",
    ),
]
Depth = Annotated[
    Literal["redecide", "rescore", "full"] | None,
    typer.Option(
        "--depth",
        rich_help_panel=_COMPARISON,
        help="redecide: new policy over recorded scores, no model. rescore: score again. full: the whole live code. "
        "Default: rescore with --model, else redecide.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels", metavar="FIELD", rich_help_panel=_COMPARISON, help="Metadata field with the true category."
    ),
]
Reviews = Annotated[
    str | None,
    typer.Option(
        "--reviews",
        metavar="FILE",
        rich_help_panel=_COMPARISON,
        help="Moderators' labels: JSON Lines or CSV with event_id and label. Takes precedence over --labels.",
    ),
]
MaxFlips = Annotated[
    str | None,
    typer.Option(
        "--max-flips", metavar="N", rich_help_panel=_LIMITS, help="Maximum flips: a number, or a share like 0.5%."
    ),
]
MaxFlaggedPlayers = Annotated[
    int | None,
    typer.Option(
        "--max-newly-flagged-players",
        min=0,
        metavar="N",
        rich_help_panel=_LIMITS,
        help="Maximum players newly flagged.",
    ),
]
MaxBlockedPlayers = Annotated[
    int | None,
    typer.Option(
        "--max-newly-blocked-players",
        min=0,
        metavar="N",
        rich_help_panel=_LIMITS,
        help="Maximum players newly blocked.",
    ),
]
MinPrecision = Annotated[
    float | None, typer.Option("--min-precision", min=0, max=1, rich_help_panel=_LIMITS, help="Minimum precision.")
]
MinRecall = Annotated[
    float | None, typer.Option("--min-recall", min=0, max=1, rich_help_panel=_LIMITS, help="Minimum recall.")
]
MinF1 = Annotated[float | None, typer.Option("--min-f1", min=0, max=1, rich_help_panel=_LIMITS, help="Minimum F1.")]
MinAuc = Annotated[
    float | None, typer.Option("--min-auc", min=0, max=1, rich_help_panel=_LIMITS, help="Minimum area under the curve.")
]
MinCompared = Annotated[
    float | None,
    typer.Option(
        "--min-compared",
        min=0,
        max=1,
        rich_help_panel=_LIMITS,
        help="Minimum share of events compared (without a baseline they are not).",
    ),
]
Report = Annotated[
    Path,
    typer.Option(
        "--report", metavar="DIR", rich_help_panel=_RUN, help="Folder for report.html, report.json, flips.parquet."
    ),
]
Text = Annotated[
    bool,
    typer.Option(
        "--text/--no-text",
        rich_help_panel=_RUN,
        help="Whether the report quotes what players wrote where verdicts differ. It is written for your eyes only.",
    ),
]
Rows = Annotated[bool, typer.Option("--rows", rich_help_panel=_RUN, help="Keep a row for every event, in DIR/rows.")]
Resume = Annotated[
    bool, typer.Option("--resume", rich_help_panel=_RUN, help="Continue what an earlier run left in DIR.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, rich_help_panel=_RUN, help="Processes; default: one per CPU core.")
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard", metavar="i/N", rich_help_panel=_RUN, help="Process shard i of N (from 0); see `backtest merge`."
    ),
]
StretchSize = Annotated[
    int | None,
    typer.Option(
        "--stretch",
        min=1,
        metavar="N",
        rich_help_panel=_RUN,
        help="Events per checkpoint (default 50,000 or, to redecide, 100,000).",
    ),
]
