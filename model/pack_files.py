"""Reads the files of a rule pack and checks their form, or refuses them with place and reason."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

MAX_FILE: Final = 1 << 20


class PackError(ValueError):
    """A pack that cannot be used; each line of the message names file, line, rule and reason."""


class Place(NamedTuple):
    """A place in a file, for messages."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


Form = TypeVar("Form", bound=BaseModel)


def read_form(file: Path, kind: type[Form]) -> tuple[Form, str]:
    """Read one TOML file into its form; also return the text, to find lines in it.

    Raises:
        PackError: it is missing, too large, not TOML or has invalid content; names all faults of the file at once.
    """
    try:
        if file.stat().st_size > MAX_FILE:
            raise PackError(f"{file}:1: larger than {MAX_FILE} bytes; split it into several rules*.toml")
        source = read_text(file)
        document = tomllib.loads(source)
    except (OSError, tomllib.TOMLDecodeError, RecursionError) as exc:
        raise PackError(f"{file}: {exc}") from exc
    try:
        return kind.model_validate(document), source
    except ValidationError as exc:
        raise PackError("\n".join(_faults(file, source, document, exc))) from exc


def read_text(file: Path) -> str:
    """Return the text of a file without its byte order mark.

    Raises:
        PackError: it is not UTF-8.
        OSError: it cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise PackError(f"{file}: {exc}; save it as UTF-8") from exc


def line_of(source: str, word: str, after: int = 1) -> int:
    """Return the number of the first line from ``after`` on that contains ``word``; ``after`` if none does."""
    for number, line in enumerate(source.split("\n"), 1):
        if number >= after and word in line:
            return number
    return after


def _faults(file: Path, source: str, document: dict[str, Any], exc: ValidationError) -> Iterable[str]:
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        place, reason = error["loc"], error["msg"].removeprefix("Value error, ")
        key = ".".join(str(part) for part in place[2:] if isinstance(part, str)) if len(place) > 2 else ""
        if len(place) > 1 and place[0] == "rules" and isinstance(place[1], int):
            rule = document["rules"][place[1]]
            name = rule.get("id", f"number {place[1] + 1}") if isinstance(rule, dict) else f"number {place[1] + 1}"
            line = line_of(source, f'"{name}"')
            yield f"{Place(file, line)}: rule {name!r}: {key + ': ' if key else ''}{reason}"
        else:
            word = next((part for part in reversed(place) if isinstance(part, str)), "")
            yield f"{Place(file, line_of(source, word))}: {'.'.join(map(str, place)) or 'file'}: {reason}"
