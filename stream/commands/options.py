"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="TOML file with settings; see docs/configuration.md."),
]
Model = Annotated[
    Path | None, typer.Option("--model", metavar="DIR", help="Bundle to score with, instead of the configured one.")
]
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="Policy to decide with, instead of the configured one.")
]
Resolvers = Annotated[
    str | None,
    typer.Option(
        "--resolvers",
        metavar="LIST",
        help="Resolvers, comma-separated: rules,gate,classifier (default); classifier alone scores everything.",
    ),
]


def resolver_names(given: str | None) -> list[str] | None:
    """Split a comma-separated list; None means not given."""
    return None if given is None else [part.strip() for part in given.split(",") if part.strip()]
