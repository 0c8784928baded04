"""``chatwarden doctor``: checks that everything a worker needs is there."""

from typing import Annotated

import typer

from stream.commands.options import Config
from stream.errors import ConfigError


def doctor(
    only: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Checks to run: kafka, topics, transactions, redis, model, device, clock; comma-separated.",
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Check Kafka, its topics and transactions, Redis, the model, the device and the clock; say how to fix what fails.

    Exit codes: 0 all passed, perhaps with warnings · 1 something failed · 2 usage or configuration.
    """
    from stream.checks import CHECKS, NEED_KAFKA, Finding
    from stream.settings import load_settings

    settings = load_settings(config)
    names = list(CHECKS) if only is None else [name.strip() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in CHECKS]
    if unknown or not names:
        raise ConfigError(f"--only {', '.join(unknown)}".rstrip() + f": choose from {', '.join(CHECKS)}")
    failed: set[str] = set()
    for name in names:
        vain = name in NEED_KAFKA and "kafka" in failed
        status, found, fix = Finding("failed", "not tried", "fix kafka first") if vain else CHECKS[name](settings)
        failed |= {name} if status == "failed" else set()
        color = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "failed": typer.colors.RED}[status]
        typer.echo(f"{typer.style(f'{status:<8}', fg=color)} {name:<13} {found}")
        if fix:
            typer.echo(f"{'':<22} → {fix}")
    if failed:
        raise typer.Exit(1)
