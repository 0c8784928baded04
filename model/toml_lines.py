"""Finds the line of a key in a TOML file, for messages.  Parsers report values, not lines."""

import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any


def line_of(source: str, path: Sequence[str | int]) -> int:
    """Return the line where a key's statement begins, or that of the nearest enclosing table; 1 if there is none.

    ``source`` is valid TOML.  The statement is the one without which the key disappears, so quoting, dotted keys and
    nested tables are as the parser sees them.
    """
    lines = source.splitlines(keepends=True)
    whole = tomllib.loads(source)
    while path and not _holds(whole, path):
        path = path[:-1]
    if not path:
        return 1

    def by(count: int) -> bool:
        return _holds(_read(lines, count)[0], path)

    last = bisect_left(range(len(lines) + 1), 1, key=by)
    return _read(lines, last - 1)[1] + 1


def holds(source: str, path: Sequence[str | int]) -> bool:
    """Whether a key exists.  ``source`` is valid TOML."""
    return _holds(tomllib.loads(source), path)


def _read(lines: Sequence[str], count: int) -> tuple[dict[str, Any], int]:
    """Read the longest prefix that is TOML: a statement over several lines counts once it is complete."""
    while True:
        try:
            return tomllib.loads("".join(lines[:count])), count
        except tomllib.TOMLDecodeError:
            count -= 1


def _holds(document: Any, path: Sequence[str | int]) -> bool:
    for part in path:
        if isinstance(part, int):
            if not isinstance(document, list) or not 0 <= part < len(document):
                return False
        elif not isinstance(document, dict) or part not in document:
            return False
        document = document[part]
    return True
