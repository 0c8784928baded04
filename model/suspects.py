"""Finds the lines of a chunk that may need further readings, all at once, in compiled code.

The search is a superset; each line found is then checked individually.  Signs are found with whole arrays of marks, one
per kind of byte: a pattern search costs more per hit than this does for all lines.
"""

import string
from collections.abc import Sequence
from itertools import chain, compress
from typing import Final

import ahocorasick_rs
import numpy as np
from numpy.typing import NDArray

from model.lexicon import COURTESY, HARSH
from model.mending import GIVEAWAYS

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

# Kinds of bytes, one bit each.
_LETTER, _DIGIT, _AT, _BANG, _PLUS, _BAR, _SIGN, _GAP = (1 << bit for bit in range(8))
_ODD: Final = _DIGIT | _AT | _BANG | _PLUS | _BAR
_OF_KIND: Final = {
    _LETTER: string.ascii_lowercase,
    _DIGIT: string.digits,
    _AT: "@$",
    _BANG: "!",
    _PLUS: "+",
    _BAR: "|",
    _SIGN: '._*-,|/~"+=:;^`\\%',
    _GAP: " ._*-,|/~'\"+=:;\\%<>&()[]{}",
}
_KINDS: Final = bytes(sum(kind for kind, signs in _OF_KIND.items() if chr(sign) in signs) for sign in range(256))
_REACH: Final = 5
"""Maximum distance between bytes that are compared."""
_BLANK: Final = ord(" ")
_WORDS_APART: Final = bytes(sign if sign in b"\n" or sign > 127 or chr(sign).isalnum() else 32 for sign in range(256))
_PLAINLY_WRITTEN: Final = sorted(filter(str.isascii, HARSH))
_INSIDE: Final = [word for word in _PLAINLY_WRITTEN if len(word) > 3]
_PATTERNS: Final = [
    *(f" {each} " for each in GIVEAWAYS),
    *(f" {word} " for word in _PLAINLY_WRITTEN if len(word) < 4),
    *_INSIDE,
]
_FIRST_HARSH: Final = len(GIVEAWAYS)
_FIRST_INSIDE: Final = len(_PATTERNS) - len(_INSIDE)
# Not among the patterns: they are in many lines, and matter only at an end of those with a harsh word.
_KIND: Final = tuple(f" {each} ".encode() for each in COURTESY)
_AUTOMATON: Final = ahocorasick_rs.BytesAhoCorasick([pattern.encode() for pattern in _PATTERNS])


class _Last:
    """The lines last searched for disguises: the gate searches those that rules have just searched."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def keep(self, lines: Sequence[str], disguised: Sequence[int]) -> None:
        known = dict.fromkeys(lines, False)
        known.update((lines[number], True) for number in disguised)
        self._known = known

    def disguised(self, lines: Sequence[str]) -> list[int] | None:
        """Return the numbers of the lines that may be disguised; None if any of them was not in the last search."""
        try:
            return list(compress(range(len(lines)), map(self._known.__getitem__, lines)))
        except KeyError:
            return None


_LAST: Final = _Last()


def disguised(lines: Sequence[str]) -> list[int]:
    """Return the numbers of the canonical texts that may have further readings, in order."""
    known = _LAST.disguised(lines)
    return Lines(lines).disguised() if known is None else known


class _Marks:
    """A set of marked bytes: ``marks[2]`` tells for each place whether the byte two places later is marked."""

    def __init__(self, marked: Bools) -> None:
        self.all: Final = marked

    def __getitem__(self, places: int) -> Bools:
        return self.all[_REACH + places : len(self.all) - _REACH + places]


class _Bytes:
    """An array of bytes, to be marked."""

    def __init__(self, data: bytes) -> None:
        border = bytes(_REACH)
        self._data: Final = np.frombuffer(border + data + border, dtype=np.uint8)
        self._kinds: Final = np.frombuffer(border + data.translate(_KINDS) + border, dtype=np.uint8)
        self.letter: Final = self.any_of(_LETTER)
        self.blank: Final = self.each(" ")
        self.line_break: Final = self.each("\n")
        self.foreign: Final = _Marks(self._data > 127)

    def any_of(self, kinds: int) -> _Marks:
        """Mark bytes of these kinds."""
        return _Marks((self._kinds & kinds) != 0)

    def none_of(self, kinds: int) -> _Marks:
        """Mark bytes of none of these kinds."""
        return _Marks((self._kinds & kinds) == 0)

    def each(self, sign: str) -> _Marks:
        """Mark one sign, by its last byte."""
        return _Marks(self._data == sign.encode()[-1])

    def repeated(self) -> Bools:
        """Mark bytes whose neighbours are equal to them."""
        before, own, after = (self._data[_REACH + by : len(self._data) - _REACH + by] for by in (-1, 0, 1))
        found: Bools = (before == own) & (own == after)
        return found


def _disguised(row: _Bytes) -> Bools:
    """Mark other scripts, covered and drawn-out letters, and signs that may be read as letters."""
    letter = row.letter
    covered = letter[-1] & (row.each("*")[0] | row.each("#")[0])
    drawn_out = letter[0] & row.repeated()
    return row.foreign[0] | covered | drawn_out | _read_as_letters(row) | _signs_inside(row) | _spaced(row)


def _read_as_letters(row: _Bytes) -> Bools:
    """Mark digits and the like between letters, before two letters or after three."""
    letter, odd, likely, apart = row.letter, row.any_of(_ODD), row.any_of(_LETTER | _ODD), row.none_of(_LETTER | _DIGIT)
    between = letter[-1] & odd[0] & (letter[1] | odd[1] & letter[2])
    before = apart[-1] & odd[0] & (letter[1] & likely[2] | odd[1] & letter[2] & likely[3])
    after = letter[-3] & letter[-2] & letter[-1] & row.any_of(_DIGIT | _AT | _PLUS)[0] & ~letter[1]
    return between | before | after


def _signs_inside(row: _Bytes) -> Bools:
    """Mark up to three signs between letters, and four after one."""
    letter, sign = row.letter, row.any_of(_SIGN)
    return letter[-1] & sign[0] & (letter[1] | sign[1] & (letter[2] | sign[2] & (letter[3] | sign[3])))


def _spaced(row: _Bytes) -> Bools:
    """Mark a lone letter or digit before another one."""
    lone, apart, gap = row.any_of(_LETTER | _DIGIT | _AT | _BANG), row.none_of(_LETTER | _DIGIT | _AT), row.any_of(_GAP)
    second, third, fourth = (lone[by] & apart[by + 1] for by in (2, 3, 4))
    return apart[-1] & lone[0] & gap[1] & (second | gap[2] & (third | gap[3] & fourth))


def _punctuated(row: _Bytes) -> Bools:
    """Mark blanks beside a sign, and apostrophes before a letter."""
    ink = _Marks(~(row.blank.all | row.line_break.all))
    sign = _Marks(ink.all & row.none_of(_LETTER | _DIGIT).all)
    loose = row.blank[0] & ink[-1] & ink[1] & (sign[-1] | sign[1])
    apostrophe = (row.each("'")[0] | row.each("\u2019")[0]) & (row.letter[-1] | row.foreign[-1]) & row.letter[1]
    return loose | apostrophe


class Lines:
    """Canonical texts in one array of bytes, each between blanks, separated by line breaks."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines: Final = lines
        self.data: Final = ("\n " + " \n ".join(lines) + " \n").encode()
        self._row: Final = _Bytes(self.data)
        self._starts: Final[Ints] = np.flatnonzero(self._row.line_break[0]) + 2

    def disguised(self) -> list[int]:
        """Return the numbers of the lines that may have further readings, in order."""
        suspect = self._marked(_disguised(self._row))
        suspect[self._given_away()] = True
        found: list[int] = np.flatnonzero(suspect).tolist()
        _LAST.keep(self._lines, found)
        return found

    def punctuated(self) -> list[int]:
        """Return the numbers of the lines that phrases may match without their punctuation, in order."""
        found: list[int] = np.flatnonzero(self._marked(_punctuated(self._row))).tolist()
        return found

    def _marked(self, marks: Bools) -> Bools:
        """Return for each line whether it has any mark."""
        if not self._lines:
            return marks[:0]
        found: Bools = np.logical_or.reduceat(marks, self._starts[:-1] - 1)
        return found

    def _given_away(self) -> list[int]:
        """Return the numbers of the lines in which mending may reveal a harsh word, in any order."""
        data = self.data.translate(_WORDS_APART)
        hits = _AUTOMATON.find_matches_as_indexes(data, overlapping=True)
        which, start, end = np.fromiter(chain.from_iterable(hits), dtype=np.int64, count=3 * len(hits)).reshape(-1, 3).T
        number = np.searchsorted(self._starts, start + 1, side="right") - 1
        blank = np.frombuffer(data, dtype=np.uint8) == _BLANK
        apart = (which < _FIRST_INSIDE) | (blank[start - 1] & blank[end])
        harsh = set(number[(which >= _FIRST_HARSH) & apart].tolist())
        found = set(number[(which < _FIRST_HARSH) | ~apart].tolist())
        return [*found, *(line for line in harsh - found if self._kind_at_an_end(data, line))]

    def _kind_at_an_end(self, data: bytes, line: int) -> bool:
        """Whether a line begins with a courtesy, or ends with one and perhaps signs."""
        written = data[self._starts[line] - 1 : self._starts[line + 1] - 2]
        return written.startswith(_KIND) or (written.rstrip() + b" ").endswith(_KIND)
