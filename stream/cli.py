"""The command line.  Importing it stays light: ``chatwarden --help`` loads no torch and no Kafka client."""

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from stream.commands import (
    archive,
    backtest,
    bundle,
    chatter,
    compare,
    demo,
    doctor,
    evaluate,
    moderate,
    policy,
    run,
    schema,
    strikes,
    topics,
    train,
)
from stream.errors import ChatwardenError, ConfigError
from stream.extras import extra_of
from stream.interrupts import Interrupted

app = typer.Typer(
    name="chatwarden",
    help="Streaming moderation for game chat: Kafka in, exactly one verdict per message out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=(
        "Exit codes: 0 success · 1 limits missed · 2 usage or configuration · 74 file · 75 transport (try again) · "
        "76 fenced by another worker · 77 data lost · 78 too many dead letters · 130 or 143 interrupted"
    ),
)
app.add_typer(archive.app, name="archive")
app.add_typer(backtest.app, name="backtest")
app.add_typer(bundle.app, name="bundle")
app.command()(chatter.chatter)
app.command()(demo.demo)
app.command()(doctor.doctor)
app.command()(compare.compare)
app.command()(evaluate.evaluate)
app.command()(train.train)
app.command()(moderate.moderate)
app.command()(run.run)
app.command()(schema.schema)
app.command()(topics.topics)
app.add_typer(policy.app, name="policy")
app.command()(strikes.strikes)


def _version(value: bool | None) -> None:  # noqa: FBT001 - typer's callback signature
    if value:
        from importlib.metadata import version

        typer.echo(version("chatwarden"))
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[
        bool | None, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = None,
) -> None:
    pass


def main() -> None:
    """Run a command; our own errors become one message and an exit code."""
    # Not KeyboardInterrupt: click would turn it into exit code 1.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        app()
    except ChatwardenError as exc:
        typer.echo(f"chatwarden: {exc}", err=True)
        sys.exit(exc.exit_code)
    except ModuleNotFoundError as exc:
        library = (exc.name or "").partition(".")[0]
        extra = extra_of(library)
        if extra is None:
            raise
        typer.echo(f"chatwarden: {library} is not installed; this command needs chatwarden[{extra}]", err=True)
        sys.exit(ConfigError.exit_code)
    except Interrupted as exc:
        typer.echo("chatwarden: interrupted", err=True)
        sys.exit(exc.exit_code)


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)
