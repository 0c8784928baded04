"""Which lines of a chunk are worth a second reading: searches over all of them at once, in compiled code.

What is searched for here is more than what counts; each line that hits is then looked at alone.
"""

import string
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

import ahocorasick_rs
import numpy as np
import re2

from model.lexicon import COURTESY, HARSH
from model.mending import GIVEAWAYS

_SIGNS: Final = r"[._*\-,|/~\"+=:;^`]"
_ODD: Final = "[0-9@$!|+]"
_LIKELY_DISGUISED: Final = (
    rf"[\x80-\xff]|[a-z](?:{_ODD}{{1,2}}|{_SIGNS}+)[a-z]|(?:^|[^a-z0-9]){_ODD}{{1,2}}[a-z][a-z@$!|+]"
    rf"|[a-z]{{3}}[0-9@$+][^a-z]|[a-z][*#]|\([a-z]\)\(|{'|'.join(letter * 3 for letter in string.ascii_lowercase)}"
    r"|[^a-z0-9@$][a-z0-9@$!][ ._*\-,|/~'\"+=:;]{1,3}[a-z0-9@$!][^a-z0-9@$]"
)
_LIKELY_PUNCTUATED: Final = r"[^ a-z0-9\n] [^ \n]|[a-z0-9\x80-\xff] [^ a-z0-9\n]|[a-z](?:'|\xe2\x80\x99)[a-z]"


def _compiled(source: str) -> Any:
    """Compile what to look for, and the rest of the line with it: a line hits but once."""
    options = re2.Options()
    options.never_capture = True
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(rf"(?:{source})[^\n]*".encode("latin-1"), options)


_DISGUISED: Final = _compiled(_LIKELY_DISGUISED)
_PUNCTUATED: Final = _compiled(_LIKELY_PUNCTUATED)
_BLANK: Final = ord(" ")
_BREAK: Final = ord("\n")
_WORDS_APART: Final = bytes(sign if sign in b"\n" or sign > 127 or chr(sign).isalnum() else 32 for sign in range(256))
_INSIDE: Final = [word for word in sorted(HARSH) if len(word) > 3]
_PATTERNS: Final = [
    *(f" {each} " for each in (*GIVEAWAYS, *COURTESY)),
    *(f" {word} " for word in sorted(HARSH) if len(word) < 4),
    *_INSIDE,
]
_FIRST_KIND: Final = len(GIVEAWAYS)
_FIRST_HARSH: Final = _FIRST_KIND + len(COURTESY)
_FIRST_INSIDE: Final = len(_PATTERNS) - len(_INSIDE)
_AUTOMATON: Final = ahocorasick_rs.BytesAhoCorasick([pattern.encode() for pattern in _PATTERNS])


def line_starts(lines: Sequence[str] | Sequence[bytes]) -> list[int]:
    """Return where each line starts once they are joined by one character."""
    return [0, *accumulate(len(line) + 1 for line in lines)][: len(lines)]


class _Last:
    """The lines last searched for disguises: the gate asks about those that rules have just asked about."""

    def __init__(self) -> None:
        self._known: tuple[frozenset[str], frozenset[str]] = frozenset(), frozenset()

    def keep(self, lines: Sequence[str], disguised: Sequence[int]) -> None:
        self._known = frozenset(lines), frozenset(lines[number] for number in disguised)

    def disguised(self, lines: Sequence[str]) -> list[int] | None:
        """Return the numbers of the lines that may be disguised; None where there is any not seen last."""
        seen, disguised = self._known
        if not seen.issuperset(lines):
            return None
        return [number for number, line in enumerate(lines) if line in disguised]


_LAST: Final = _Last()


def disguised(lines: Sequence[str]) -> list[int]:
    """Return the numbers of the canonical texts that may have further readings, in order."""
    known = _LAST.disguised(lines)
    return Lines(lines).disguised() if known is None else known


class Lines:
    """Canonical texts in one row of bytes, each between blanks, apart by line breaks."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines: Final = lines
        self.data: Final = ("\n " + " \n ".join(lines) + " \n").encode()
        breaks = np.flatnonzero(np.frombuffer(self.data, dtype=np.uint8) == _BREAK)
        self._starts: Final[list[int]] = (breaks + 2).tolist()

    def disguised(self) -> list[int]:
        """Return the numbers of the lines that may have further readings, in order."""
        found = sorted({*self._matching(_DISGUISED), *self._given_away()})
        _LAST.keep(self._lines, found)
        return found

    def punctuated(self) -> list[int]:
        """Return the numbers of the lines that phrases may spell without their punctuation, in order."""
        return self._matching(_PUNCTUATED)

    def _matching(self, pattern: Any) -> list[int]:
        """Return the numbers of the lines in which an RE2 pattern hits."""
        starts = self._starts
        return [bisect_right(starts, match.start() + 1) - 1 for match in pattern.finditer(self.data)]

    def _given_away(self) -> set[int]:
        """Return the numbers of the lines in which mending may bring a harsh word to light."""
        data = self.data.translate(_WORDS_APART)
        found: dict[str, set[int]] = {"misspelt": set(), "kind": set(), "harsh": set(), "": set()}
        for which, start, end in _AUTOMATON.find_matches_as_indexes(data, overlapping=True):
            number = bisect_right(self._starts, start + 1) - 1
            if which < _FIRST_KIND:
                found["misspelt"].add(number)
            elif which < _FIRST_HARSH:
                at_an_end = start < self._starts[number] or not data[end : self._starts[number + 1] - 3].strip()
                found["kind" if at_an_end else ""].add(number)
            else:
                apart = which < _FIRST_INSIDE or data[start - 1] == data[end] == _BLANK
                found["harsh" if apart else "misspelt"].add(number)
        return found["misspelt"] | found["kind"] & found["harsh"]
