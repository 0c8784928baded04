"""``chatwarden strikes``: the worker that adds up each player's verdicts."""

from pathlib import Path
from typing import Annotated

import typer

from stream.commands.options import Config
from stream.errors import ChatwardenError


def strikes(
    config: Config = None,
    ladder: Annotated[
        Path | None, typer.Option("--ladder", metavar="FILE", help="Ladder file, instead of the configured one.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="Where standings are stored; each worker needs its own."),
    ] = None,
) -> None:
    """Read verdicts, keep each player's standing, and publish strikes.

    Runs until SIGTERM or SIGINT.  Several workers share the partitions.  Strikes are published at least once, with
    stable ids; docs/strikes.md has the guarantees.

    Exit codes: 0 stopped on request, all committed · 2 usage or configuration · 70 a bug · 75 Kafka became
    unavailable, or did not take what was in hand within strikes.shutdown_s · 77 a changelog or a record cannot be read.
    """
    from stream.logs import last_words
    from stream.settings import load_settings
    from stream.strikes.logs import configure
    from stream.strikes.worker import run

    configure()
    try:
        settings = load_settings(config, {"strikes.ladder": ladder, "strikes.data_dir": data_dir})
    except ChatwardenError as exc:
        raise typer.Exit(last_words(exc)) from exc
    run(settings)
