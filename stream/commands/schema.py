"""``chatwarden schema``: the contracts as JSON Schema files."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import BaseModel

from schemas.dead_letter import DeadLetterLine
from schemas.event import ChatEvent
from schemas.strike import Strike
from schemas.verdict import Flagged, Verdict

CONTRACTS: Final[dict[str, type[BaseModel]]] = {
    "chat_event": ChatEvent,
    "verdict": Verdict,
    "flagged": Flagged,
    "strike": Strike,
    "dead_letter_line": DeadLetterLine,
}


def documents() -> dict[str, str]:
    """Return the JSON Schema text of each contract, by file name."""
    return {
        f"{name}.schema.json": json.dumps(contract.model_json_schema(mode="serialization"), indent=2) + "\n"
        for name, contract in CONTRACTS.items()
    }


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write one file per contract into this folder.")
    ] = None,
) -> None:
    """Export the JSON Schema of events, verdicts, flagged messages, strikes and dead letters."""
    if output is None:
        typer.echo(json.dumps({name: json.loads(text) for name, text in documents().items()}, indent=2))
        return
    output.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (output / name).write_text(text, encoding="utf-8")
        typer.echo(output / name, err=True)
