"""The command line.  Importing it stays light: ``chatwarden --help`` loads no torch and no Kafka client."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from stream.commands import schema
from stream.errors import ChatwardenError

app = typer.Typer(
    name="chatwarden",
    help="Streaming moderation for game chat: Kafka in, exactly one verdict per message out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=(
        "Exit codes: 0 success · 1 limits missed · 2 usage or configuration · 75 transport (try again) · "
        "76 fenced by another worker · 77 data lost · 78 too many dead letters · 130 interrupted"
    ),
)
app.command()(schema.schema)


def _version(value: bool | None) -> None:  # noqa: FBT001 - typer's callback signature
    if value:
        typer.echo(version("chatwarden"))
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[bool | None, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = None,
) -> None:
    pass


def main() -> None:
    """Run a command; errors of ours become one message and an exit code."""
    try:
        app()
    except ChatwardenError as exc:
        typer.echo(f"chatwarden: {exc}", err=True)
        sys.exit(exc.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
