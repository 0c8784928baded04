"""Look-alike letters: words that mix scripts, in the script that was meant."""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from operator import ne
from typing import Final

from model.lookalikes import AS_CYRILLIC, LOOKALIKES
from model.view import Edit, View

_LETTERS_IN_SHAPES: Final = (0x1F150, 0x1F170, 0x1F1E6)
"""First code points of the white letters in circles and squares, and of regional indicators."""


_SIGNS_AS: Final = str.maketrans("·•∙●○◦▪‧・‐‒–—―〜،、。⠀¢£¥§†∂฿₣₦₩₭₮₱₲₳₴₵₿᙭", ".........-----~,,. clystdbfnwktpgascbx")
"""Signs that separate letters or stand for one, and the Braille blank."""

_CYRILLIC: Final = r"а-яёіїєґ\W\d_"
"""What a word in Cyrillic letters consists of, for use in a set."""
_TOKEN: Final = re.compile(r"\s+|\S+")
_LIKE_NO_ASCII: Final = "бгджзийлцчъыэюїґ"
"""Cyrillic letters that are seldom written for an ASCII letter."""
_NO_THIRD_SCRIPT: Final = re.compile(rf"[a-z{_CYRILLIC}]+")
_PLAINLY_CYRILLIC: Final = re.compile(rf"(?=\S*[{_LIKE_NO_ASCII}пфшщья])[{_CYRILLIC}]+")
"""Cyrillic letters only, at least one of which is no exact copy of an ASCII letter."""


_Way = tuple[re.Pattern[str], Callable[[str], str]]
"""The form of a word, and what a letter of it is then read as."""


def in_one_script(view: View) -> View:
    """Fold look-alike letters to ASCII ones; one code point may become several, and a loose mark none.

    Cyrillic words, and those of a text in another script, stay as they are unless they mix in ASCII letters; then they
    are read in the script of the letters that resemble none of the other.
    """
    pieces = _pieces(view.text)
    return View("".join(pieces), view, _edits) if pieces else view


def _edits(text: str) -> list[Edit]:
    firsts: list[int] = []
    lasts: list[int] = []
    for place, piece in enumerate(_pieces(text)):
        firsts += [place] * len(piece)
        lasts += [place] * len(piece)
        if not piece and lasts:  # a mark belongs to the letter it is on
            lasts[-1] = place
    return [Edit(0, len(text), firsts, lasts)]


def _pieces(text: str) -> list[str]:
    """Return what each code point is read as; nothing if all are read as they are."""
    letters = set(text)
    ways = _ways(text, letters)
    form, read = ways[0]
    if form.fullmatch(text):  # as most texts; then each of its words has this form, too
        return list(map(read, text)) if any(map(ne, letters, map(read, letters))) else []
    pieces: list[str] = []
    for token in _TOKEN.findall(text):
        pieces.extend(map(next(read for form, read in ways if form.fullmatch(token)), token))
    return pieces


def _ways(text: str, letters: set[str]) -> list[_Way]:
    """Return how to read the words of a text of these letters: the first way whose form a word has."""
    ways = [_AS_ASCII]
    if any(map(_stays_foreign, letters)):
        ways = [_AS_IT_IS, _AS_CYRILLIC, *ways]
    return [_WITHOUT_MARKS, *ways] if _is_cyrillic(text) else ways


def _is_cyrillic(text: str) -> bool:
    """Whether a word is plainly Cyrillic; letters of a third script tell that all are exchanged at random."""
    return _NO_THIRD_SCRIPT.fullmatch(text) is not None and any(map(_PLAINLY_CYRILLIC.fullmatch, text.split()))


def _is_mark(letter: str) -> bool:
    """Whether it is drawn on the letter before; the sign that selects the form of an emoji is not."""
    return unicodedata.category(letter) in {"Mn", "Me"} and letter != "\ufe0f"


@lru_cache(maxsize=4_096)
def _reads_as(letter: str) -> str:
    """Return the ASCII letters that ``letter`` looks like, nothing for a mark on another, or itself."""
    if letter.isascii():
        return letter
    for first in _LETTERS_IN_SHAPES:
        if first <= ord(letter) < first + 26:
            return chr(ord("a") + ord(letter) - first)
    if _is_mark(letter):
        return ""
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() else LOOKALIKES.get(base, letter).translate(_SIGNS_AS)


@lru_cache(maxsize=4_096)
def _stays_foreign(letter: str) -> bool:
    """Whether it is a letter that resembles no ASCII one."""
    return letter.isalpha() and not _reads_as(letter).isascii()


@lru_cache(maxsize=4_096)
def _unless_mark(letter: str) -> str:
    return "" if _is_mark(letter) else letter


def _as_cyrillic(letter: str) -> str:
    return letter.translate(AS_CYRILLIC)


_AS_ASCII: Final[_Way] = re.compile(r"(?s:.*)"), _reads_as
_AS_CYRILLIC: Final[_Way] = re.compile(rf"\S*[{_LIKE_NO_ASCII}]\S*"), _as_cyrillic
_AS_IT_IS: Final[_Way] = re.compile(r"[^a-z]+"), str
_WITHOUT_MARKS: Final[_Way] = re.compile(rf"[{_CYRILLIC}]+"), _unless_mark
