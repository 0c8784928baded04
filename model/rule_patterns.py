"""Patterns of rules: compiled in bounded memory, or refused with the reason."""

import re
from collections.abc import Sequence
from typing import Any, Final

import re2

from model.pack_files import PackError

PATTERN_MEMORY: Final = 1 << 20
"""Maximum bytes of a compiled pattern; RE2 refuses what needs more."""
UNION_MEMORY: Final = 64 << 20
"""Maximum bytes of all patterns of a pack compiled as one."""
_NO_LETTERS: Final = re.compile(
    r"\[(?:\\.|[^\]\\])+\]|\\[pPx]\{[^}]*\}|\\x[0-9A-F]{2}|\\[pP]?.|\(\?P?<[^>]*>|\(\?[a-zA-Z-]+[:)]"
)
"""Parts of a pattern whose letters need not occur in a text: classes, escapes, names and flags."""


def compiled(source: str) -> re.Pattern[str]:
    """Compile one pattern as rules use it: on one canonical text, in bounded memory, in linear time.

    Raises:
        PackError: RE2 refuses it, or it is not a pattern for a single text; says why.
    """
    options = _options(PATTERN_MEMORY)
    try:
        re2.compile(source, options)  # alone, so that a stray bracket cannot close an enclosing group
        pattern: re.Pattern[str] = re2.compile(f"(?m:{source})", options)
    except re2.error as exc:
        raise PackError(_reason(source, exc)) from exc
    if pattern.search("") or pattern.search("\n"):
        raise PackError(f"pattern {source!r} matches the empty text; make part of it required")
    if re.search(r"\\[Az]", source):
        raise PackError(f"pattern {source!r}: use ^ and $ for the start and end of a text, not \\A and \\z")
    if "(?i" not in source and re.search("[A-Z]", _NO_LETTERS.sub("", source)):
        raise PackError(f"pattern {source!r}: texts are in lower case when they are searched: use lower case")
    return pattern


def union(patterns: Sequence[re.Pattern[str]]) -> re.Pattern[bytes]:
    """Return one pattern that matches wherever any of them does; with little memory it is slower but never misses.

    Raises:
        PackError: RE2 refuses it because they are too large together.
    """
    either = "|".join(f"(?:{pattern.pattern})" for pattern in patterns)
    try:
        one: re.Pattern[bytes] = re2.compile(either.encode(), _options(UNION_MEMORY))
    except re2.error as exc:
        raise PackError(
            f"{_message(exc)}; compiled as one they would take more than {UNION_MEMORY >> 20} MiB: "
            "lower the repetition counts, remove patterns or split the pack by game"
        ) from exc
    return one


def search_set(patterns: Sequence[re.Pattern[str]]) -> re2.Set | None:
    """Return what tells in one search which patterns match; None if that would take too much memory."""
    together = re2.Set.SearchSet(_options(UNION_MEMORY))
    for pattern in patterns:
        together.Add(pattern.pattern.encode())
    try:
        together.Compile()
    except re2.error:
        return None
    return together


def size(pattern: re.Pattern[str]) -> int:
    """Return the number of instructions that a pattern of ``compiled`` has."""
    of_re2: Any = pattern
    return int(of_re2.programsize)


def _options(memory: int) -> re2.Options:
    options = re2.Options()
    options.max_mem = memory
    options.never_capture = True
    options.log_errors = False
    return options


def _message(exc: Exception) -> str:
    return exc.args[0].decode() if exc.args and isinstance(exc.args[0], bytes) else str(exc)


def _reason(source: str, exc: Exception) -> str:
    message, hint = _message(exc), ""
    if "(?" in message or re.search(r"\\[1-9]", message):
        hint = "; look-around and back-references take more than linear time and are not supported (RE2 syntax)"
    if "too large" in message or "repetition" in message:
        hint = f"; compiled it would take more than {PATTERN_MEMORY >> 10} KiB: lower the repetition counts"
    return f"pattern {source!r}: {message}{hint}"
