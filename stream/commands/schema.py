"""``chatwarden schema``: the contracts as JSON Schema files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream.errors import FileError

if TYPE_CHECKING:
    from pydantic import BaseModel


def contracts() -> "dict[str, type[BaseModel]]":
    """Return the definition of each contract by name."""
    from schemas.dead_letter import DeadLetterLine
    from schemas.event import ChatEvent
    from schemas.strike import Strike
    from schemas.verdict import Flagged, Verdict

    return {
        "chat_event": ChatEvent,
        "verdict": Verdict,
        "flagged": Flagged,
        "strike": Strike,
        "dead_letter_line": DeadLetterLine,
    }


def documents() -> dict[str, str]:
    """Return the JSON Schema text of each contract by file name."""
    return {
        f"{name}.schema.json": json.dumps(contract.model_json_schema(mode="serialization"), indent=2) + "\n"
        for name, contract in contracts().items()
    }


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Write one file per contract into this folder.")
    ] = None,
) -> None:
    """Export the JSON Schema of events, verdicts, flagged messages, strikes and dead letters.

    Exit codes: 0 done · 74 the folder cannot be written.
    """
    if output is None:
        typer.echo(json.dumps({name: json.loads(text) for name, text in documents().items()}, indent=2))
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        for name, text in documents().items():
            (output / name).write_text(text, encoding="utf-8")
            typer.echo(output / name, err=True)
    except OSError as exc:
        raise FileError(f"cannot write {output}: {exc.strerror}") from exc
