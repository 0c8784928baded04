"""Finds the texts of a chunk that may need further readings.

The search is a superset; each text found is then checked individually.  What a distinct part of a text may contribute
is worked out once and noted as a few bits; a text is found by the bits of its parts and of neighbours.
"""

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from model.lexicon import COURTESY, HARSH
from model.mending import GIVEAWAYS, LEAST_INSIDE, harsh_inside, meant_by
from model.parts import Bools, Column, Ints, Lines, read
from model.readings import APOSTROPHE, DISGUISED, GAP, views, without_punctuation
from model.view import View, as_view

Reading = tuple[int, View]
"""A text's number, and a further reading of it."""

# What is noted of a part's beginning, as bits; the same of its end is twice as much.
_LONE, _HALF, _SIGN, _KIND = (1 << bit for bit in range(0, 8, 2))
# What is noted of a part as a whole.
_SUSPECT, _HARSH, _APOSTROPHE, _KNOWN = (1 << bit for bit in range(8, 12))
_OWN: Final = _SUSPECT | _HARSH | _APOSTROPHE
_SECOND_HALF, _FIRST_HALF = 16, 32
"""Above the bits: the number of the first word as the rest of a split one, and of the last word as its beginning."""

_ANYWHERE: Final = _SUSPECT | _HARSH
_BEGINNING: Final = _HALF | _KIND | 0xFFFF << _SECOND_HALF
_ENDING: Final = 2 * _HALF | 0xFFFF << _FIRST_HALF
"""What counts wherever a word stands in a part, at its beginning and at its end."""

_WORDS_APART: Final = {sign: " " for sign in range(128) if not chr(sign).isalnum()}
_HALVES: Final = tuple(each.split(" ") for each in GIVEAWAYS if " " in each)
_FIRST_HALVES: Final = {word: number for number, word in enumerate(dict.fromkeys(first for first, _ in _HALVES), 1)}
_SECOND_HALVES: Final = {word: number for number, word in enumerate(dict.fromkeys(rest for _, rest in _HALVES), 1)}
_SPLIT: Final = np.sort([_FIRST_HALVES[first] * len(_HALVES) + _SECOND_HALVES[rest] for first, rest in _HALVES])
"""The pairs that are one harsh word split by a blank."""
_COURTESIES: Final = tuple(f" {each} " for each in COURTESY)
_ALONE: Final = "(?<![a-z0-9@$])[a-z0-9@$!](?![a-z0-9@$])"
_BEGINS_LONE: Final = re.compile(rf"{GAP}{{0,2}}{_ALONE}|{GAP}\Z")
_ENDS_LONE: Final = re.compile(rf"{_ALONE}{GAP}{{0,2}}\Z|\A{GAP}\Z")
"""A letter or digit next to a blank and perhaps signs, or a sign that may be between two such."""
_LETTERS: Final = re.compile("[a-z]+")
_PLAIN: Final = re.compile(r"(?:([a-z])(?!\1\1)){2,}")
"""As most parts are: a word of which nothing is to be noted but the word itself."""
_LOOSE: Final = re.compile(r"[^\w\s'@#$&]")


_AT_ONCE: Final = 32
"""Texts that are compared at once."""


class Suspects:
    """Texts that have been read, and their further readings."""

    def __init__(self, lines: Lines) -> None:
        self.lines: Final = lines
        bits: Ints = _NOTED.of(lines, _noted)
        before, after = bits[:-1] >> 1, bits[1:]
        pairs = ((before & after & (_LONE | _HALF)) | ((before | after) & _SIGN)) * lines.inner[:-1]
        all_of = bits & _OWN
        all_of[:-1] |= pairs
        if lines.texts:
            all_of = np.bitwise_or.reduceat(all_of, lines.firsts)
        kind = bits.take(lines.firsts) | bits.take(lines.lasts) >> 1
        found: Bools = (all_of & (_SUSPECT | _LONE)) != 0
        for text in (~found & (kind & _KIND != 0) & (all_of & _HARSH != 0)).nonzero()[0].tolist():
            found[text] = _is_kind_at_an_end(lines.texts[text])
        if len(split := _split(bits, pairs)):
            found[lines.owners(split)] = True
        self.disguised: Final[list[int]] = found.nonzero()[0].tolist()
        """Numbers of the texts that may have further readings."""
        self.punctuated: Final[list[int]] = ((all_of & (_SIGN | _APOSTROPHE)) != 0).nonzero()[0].tolist()
        """Numbers of the texts that phrases may match without their punctuation."""
        self._shown: Final = [(number, *_shown(lines.texts[number])) for number in self.disguised]
        self.readings: Final[list[Reading]] = [(number, view) for number, views, _ in self._shown for view in views]
        self.read: Final = lines.also([view.text for _, view in self.readings])
        """The texts of the readings."""

    def without_punctuation(self) -> list[Reading]:
        """Return texts and readings as phrases are written, where that differs."""
        texts = self.lines.texts
        return [
            *((number, view) for number, _, spelled in self._shown for view in spelled),
            *((number, view) for number in self.punctuated for view in _phrased(texts[number])),
        ]


def _split(noted: Ints, pairs: Ints) -> Ints:
    """Return the places of parts that may be one harsh word with the next."""
    halves = (pairs & _HALF).nonzero()[0]
    found = (noted.take(halves) >> _FIRST_HALF) * len(_HALVES) + (noted.take(halves + 1) >> _SECOND_HALF & 0xFFFF)
    split: Ints = halves[_SPLIT.take(_SPLIT.searchsorted(found), mode="clip") == found]
    return split


@lru_cache(maxsize=8_192)
def _shown(text: str) -> tuple[tuple[View, ...], tuple[View, ...]]:
    """Return a text's further readings, and those without punctuation where that differs."""
    found = views(text)
    spelled = [(view, without_punctuation(view)) for view in found]
    return found, tuple(other for view, other in spelled if other is not view)


@lru_cache(maxsize=8_192)
def _phrased(text: str) -> tuple[View, ...]:
    """Return a text without punctuation, where that differs."""
    view = as_view(text)
    other = without_punctuation(view)
    return (other,) if other is not view else ()


def _noted(parts: Sequence[str]) -> list[int]:
    return [_KNOWN | _of_word(part) if _PLAIN.fullmatch(part) else _KNOWN | _of_part(part) for part in parts]


def _of_each_word() -> dict[str, int]:
    """Return what is noted of each word, and of two with a blank between that are one split harsh word."""
    found: Counter[str] = Counter()
    for word in GIVEAWAYS:
        found[word] |= _SUSPECT
    for word in filter(str.isascii, HARSH):
        found[word] |= _HARSH
    for word, number in _SECOND_HALVES.items():
        found[word] |= _HALF | number << _SECOND_HALF
    for word, number in _FIRST_HALVES.items():
        found[word] |= 2 * _HALF | number << _FIRST_HALF
    for each in COURTESY:
        found[each.split(" ")[0]] |= _KIND
        found[each.split(" ")[-1]] |= 2 * _KIND
    found[""] |= 2 * _KIND
    return dict(found)


_OF_WORD: Final = _of_each_word()


def _of_part(part: str) -> int:
    """Return what is noted of a part with signs or digits, drawn-out or in another script."""
    return (
        _of_words(part.translate(_WORDS_APART))
        | _SUSPECT * (DISGUISED.search(part) is not None)
        | _APOSTROPHE * (APOSTROPHE.search(part) is not None)
        | _LONE * (_BEGINS_LONE.match(part) is not None)
        | 2 * _LONE * (_ENDS_LONE.search(part) is not None)
        | _SIGN * (_LOOSE.match(part) is not None)
        | 2 * _SIGN * (_LOOSE.match(part[-1:]) is not None)
    )


def _of_word(word: str) -> int:
    """Return what is noted of a word that is all of a part."""
    return _OF_WORD.get(word, 0) | _SUSPECT * _is_glued(word)


def _of_words(apart: str) -> int:
    """Return what is noted of words with blanks instead of signs."""
    words = apart.split(" ")
    if len(words) == 1:
        return _of_word(apart)
    noted = [_OF_WORD.get(word, 0) for word in words]
    last = apart.rstrip().rsplit(" ", 1)[-1]  # empty if there are only signs, which may follow a last word
    found = noted[0] & _BEGINNING | noted[-1] & _ENDING | _OF_WORD.get(last, 0) & 2 * _KIND
    for bits in noted:
        found |= bits & _ANYWHERE
    return found | _SUSPECT * (any(map(_OF_WORD.get, map(" ".join, pairwise(words)))) or _is_glued(apart))


def _is_glued(apart: str) -> bool:
    """Whether a harsh word may be glued to others."""
    if len(apart) <= LEAST_INSIDE:
        return False
    padded = f" {apart} "
    hits = harsh_inside(padded)
    if not hits or all(padded[start - 1] == " " == padded[end] for _, start, end in hits):
        return False
    return _LETTERS.fullmatch(apart) is None or meant_by(apart) != ""


def _is_kind_at_an_end(text: str) -> bool:
    """Whether a text begins with a courtesy, or ends with one and perhaps signs."""
    apart = f" {text.translate(_WORDS_APART)} "
    return apart.startswith(_COURTESIES) or f"{apart.rstrip()} ".endswith(_COURTESIES)


_NOTED: Final = Column(np.int64, 0)


class _Last(threading.local):
    """The texts last searched: the gate is asked about those that rules have left open."""

    def __init__(self) -> None:
        self.suspects = Suspects(read([]))


_LAST: Final = _Last()


def search(texts: Sequence[str]) -> Suspects:
    """Read canonical texts and find their further readings."""
    _LAST.suspects = Suspects(read(texts))
    return _LAST.suspects


def search_again(texts: Sequence[str]) -> tuple[Suspects, Ints]:
    """Return texts with their further readings, perhaps among others, and their numbers there."""
    last = _LAST.suspects.lines.texts
    numbers: list[int] = []
    for start in range(0, len(last), _AT_ONCE):
        part = last[start : start + _AT_ONCE]
        wanted = texts[len(numbers) : len(numbers) + len(part)]
        numbers += range(start, start + len(part)) if part == wanted else _places(part, start, wanted)
    if len(numbers) == len(texts):
        return _LAST.suspects, np.array(numbers, dtype=np.int64)
    return search(texts), np.arange(len(texts))


def _places(texts: Sequence[str], start: int, wanted: Sequence[str]) -> Iterator[int]:
    """Yield the numbers of the texts that are wanted next, in order."""
    ahead = iter(wanted)
    text = next(ahead, None)
    for number, other in enumerate(texts, start):
        if other == text:
            yield number
            text = next(ahead, None)
