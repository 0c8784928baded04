"""Mending: misspelt, split and glued words, as the words they stand for.

A line is mended only if that reveals a harsh word, or if one is surrounded by courtesies that make it look friendly;
otherwise it is left alone.  Candidates are found by one search for the misspellings themselves, which are generated
beforehand, after deletion neighbourhoods (SymSpell, Garbe 2012).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, product
from operator import add
from typing import Final, NamedTuple

import ahocorasick_rs

from model.lexicon import COURTESY, HARSH, ORDINARY, PLAIN
from model.view import Edit, View

LEET: Final = str.maketrans("0134578@$!|+€", "oieastbasiite")
_AS_L: Final = str.maketrans("013456789@$!|+€", "oleasgtbgasllte")
KNOWN: Final = HARSH | PLAIN
LONGEST: Final = 60
"""A longer word is not split."""

_VOWEL: Final = re.compile("[aeiouаеёиіоуыэюя]")
_SOUNDS: Final = (
    ("ck", "k"), ("ck", "c"), ("c", "k"), ("ph", "f"), ("f", "ph"), ("qu", "kw"), ("ss", "s"), ("tt", "t"),
    ("oo", "u"), ("oo", "o"), ("ee", "i"), ("i", "y"), ("i", "ee"), ("y", "i"), ("th", "d"), ("th", "t"), ("s", "z"),
    ("ou", "u"), ("u", "oo"), ("u", "a"), ("you", "yu"), ("ing", "in"), ("er", "a"), ("er", "ah"), ("ers", "as"),
    ("ers", "az"), ("o", "0"), ("wh", "w"), ("x", "ks"), ("g", "k"), ("d", "t"),
    ("о", "а"), ("а", "о"), ("и", "е"), ("е", "и"), ("ё", "е"), ("и", "і"),
)  # fmt: skip
_DIGITS: Final = {"a": "a4", "e": "e3", "i": "i1", "o": "o0", "s": "s5", "t": "t7", "b": "b8"}
_SOUGHT: Final = ("heil", "kill", "killyourself", "killurself")
"""Words for which a line with exchanged strokes ("kiIl") is mended, though they alone do not cause it."""
_ABUSED: Final = ("bot", "shut", "wtf")
"""Words that are not harsh but frequent in abuse: if they are misspelt or split, a line is mended, too."""
LEAST_INSIDE: Final = 3
"""Letters of a harsh word that is also looked for inside longer ones."""
_SHORT: Final = ("fck", "kys")
_GLUED: Final = frozenset(word for word in HARSH if word.isascii() and (len(word) > LEAST_INSIDE or word in _SHORT))
"""Harsh words that are looked for inside longer ones: of three letters, those that hardly any other word holds."""
_INSIDE: Final = ahocorasick_rs.AhoCorasick(sorted(_GLUED))
_LETTERS: Final = re.compile("[a-z]+")
_WORD: Final = re.compile(r"[\w@$!|+€]*[\w@$+€]")


def spellings(word: str) -> Iterator[str]:
    """Yield misspellings of a word: letters swapped, left out, doubled or written by sound."""
    for place in range(len(word) - 1):
        yield word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    for place in range(1, len(word)):
        if len(word) > 4 or _VOWEL.match(word[place]):
            yield word[:place] + word[place + 1 :]
    for place in range(len(word)) if len(word) > 3 else ():
        yield word[:place] + word[place] + word[place:]
    yield word[0] + _VOWEL.sub("", word[1:])
    for old, new in _SOUNDS:
        if old in word:
            yield word.replace(old, new)
            yield new.join(word.rsplit(old, 1))


def _leeted(word: str) -> Iterator[str]:
    """Yield a word with some of its letters as digits, unless there are too many variants."""
    if 3 < len(word) < 8:
        for letters in product(*(_DIGITS.get(letter, letter) for letter in word)):
            written = "".join(letters)
            if written != word and not written.isdigit():
                yield written


def _stroked(word: str) -> Iterator[str]:
    """Yield a word with some of its l as a capital I, which case folding turns into i, or some of its i as an l."""
    for one, other in ("li", "il"):
        for letters in product(*(one + other if letter == one else letter for letter in word)):
            written = "".join(letters)
            if written != word and len(word) > 3:
                yield written


def _misspelt() -> dict[str, str]:
    found: dict[str, str] = {}
    for word in sorted(HARSH):
        for spelling in chain(spellings(word), _leeted(word)) if len(word) > 3 else ():
            if len(spelling) > 2 and spelling not in ORDINARY:
                found.setdefault(spelling, word)
    for word in sorted(PLAIN):
        for spelling in spellings(word) if len(word) > 2 else ():
            if len(spelling) > 2 and spelling not in ORDINARY:
                found.setdefault(spelling, word)
    for word in sorted(HARSH) + list(_SOUGHT) + sorted(PLAIN):
        for spelling in _stroked(word):
            if spelling not in ORDINARY:
                found.setdefault(spelling, word)
    return found


MISSPELT: Final = _misspelt()
"""Intended word by misspelling."""
_STROKED: Final = {
    spelling for word in _SOUGHT for spelling in _stroked(word) if MISSPELT.get(spelling) == word and spelling != "kili"
}
"""Spellings of words sought, except for one that is a name."""


def _split(word: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of neighbours that are this word split by a blank."""
    parts = ((word[:place], word[place:]) for place in range(1, len(word)))
    yield from ((first, rest) for first, rest in parts if _splits(first, rest))


def _splits(first: str, rest: str) -> bool:
    """Whether two neighbours are one known word split by a blank."""
    whole = first + rest
    return whole in (KNOWN if len(whole) > 3 else PLAIN) and not {first, rest} <= KNOWN


def _telling() -> Iterator[str]:
    """Yield the misspellings, split or not, that give a line away though what they stand for is not harsh."""
    yield from _STROKED
    for word in _ABUSED:
        yield from (spelling for spelling in spellings(word) if MISSPELT.get(spelling) == word)
        yield from map(" ".join, _split(word))


_TELLING: Final = frozenset(_telling())


def _giveaways() -> Iterator[str]:
    """Yield the misspelt and split words, separated by blanks, that reveal a harsh one."""
    yield from (spelling for spelling, word in MISSPELT.items() if word in HARSH)
    yield from sorted(_TELLING)
    for word in HARSH:
        yield from map(" ".join, _split(word))


GIVEAWAYS: Final = tuple(filter(str.isascii, dict.fromkeys(_giveaways())))
"""What gives away a line in ASCII; any other is looked at in any case."""


class _Piece(NamedTuple):
    """Replacement for the letters from ``start`` to ``end``, which are ``written``."""

    start: int
    end: int
    text: str
    written: str

    def reveals(self) -> bool:
        """Whether it makes a line worth mending."""
        return self.written in _TELLING or not HARSH.isdisjoint(self.text.split(" "))


def mended(view: View) -> View | None:
    """Return the view with words mended and courtesies left out, if that reveals a harsh word or one is there already.

    That may be the view itself.
    """
    words = _WORD.findall(view.text)
    if _may_be_mended(words):
        pieces = list(_pieces(view.text))
        if any(map(_Piece.reveals, pieces)):
            return _bare(_written(view, pieces))
    return None if HARSH.isdisjoint(words) else _bare(view)


def _may_be_mended(words: list[str]) -> bool:
    """Whether a word may stand for another, or two neighbours for one."""
    pairs = words, words[1:]
    return any(map(meant_by, words)) or (not KNOWN.isdisjoint(map(add, *pairs)) and any(map(_splits, *pairs)))


def _pieces(text: str) -> Iterator[_Piece]:
    """Yield the replacements of words, in order."""
    words = list(_WORD.finditer(text))
    place = 0
    while place < len(words):
        piece, taken = _piece(words, place, text)
        if piece is not None:
            yield piece
        place += taken


def _piece(words: list[re.Match[str]], place: int, text: str) -> tuple[_Piece | None, int]:
    """Return the replacement for the word at ``place``, if any, and how many words it covers."""
    word = words[place]
    start, end = word.span()
    following = words[place + 1] if place + 1 < len(words) else None
    gap = text[end : following.start()] if following is not None else ""
    if following is not None and gap == " " and _splits(word.group(), following.group()):
        written = text[start : following.end()]
        return _Piece(start, following.end(), word.group() + following.group(), written), 2
    meant = meant_by(word.group())
    return (_Piece(start, end, meant, word.group()) if meant else None), 1


@lru_cache(maxsize=8_192)
def meant_by(word: str) -> str:
    """Return the known word or words that ``word`` stands for; empty if it is known or stands for none."""
    if word in KNOWN:
        return ""
    if meant := MISSPELT.get(word):
        return meant
    return _apart(word) if 5 < len(word) <= LONGEST and _LETTERS.fullmatch(word) and harsh_inside(word) else ""


def harsh_inside(text: str) -> list[tuple[int, int, int]]:
    """Return number, start and end of the harsh ASCII words that may be glued to others, even inside others."""
    return _INSIDE.find_matches_as_indexes(text, overlapping=True)


def decoded(word: str) -> str:
    """Return the known word that is written with digits and signs, if any."""
    if len(word) < 3 or word.isdigit():
        return ""
    return next((as_letters for table in (LEET, _AS_L) if (as_letters := word.translate(table)) in KNOWN), "")


def _apart(word: str) -> str:
    """Split glued words if all are known and one is harsh."""
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(word) + 1):
        ways = [(best[start][0] + _cost(word[start:end]), start) for start in range(max(0, end - 14), end)]
        best.append(min(ways))
    parts: list[str] = []
    end = len(word)
    while end:
        parts.append(word[best[end][1] : end])
        end = best[end][1]
    whole = all(part in KNOWN and (len(part) > 1 or part in "aiu") for part in parts)
    harsh = not _GLUED.isdisjoint(parts)
    return " ".join(reversed(parts)) if whole and harsh and len(parts) > 1 else ""


def _cost(part: str) -> float:
    if part in KNOWN:
        return 1.0 if len(part) > 1 else 2.0
    return 3.0 + len(part)


def _written(view: View, pieces: list[_Piece]) -> View:
    """Write the pieces, which are those of the view's text."""
    text: list[str] = []
    last = 0
    for first, stop, piece, _ in pieces:
        text += (view.text[last:first], piece)
        last = stop
    return View("".join([*text, view.text[last:]]), view, _edits)


def _edits(text: str) -> Iterator[Edit]:
    """Yield how a text is mended; an unchanged letter keeps its place, any other has that of the whole word."""
    for first, stop, piece, _ in _pieces(text):
        letters = _places(text, first, stop, piece)
        firsts = [first if at is None else at for at in letters]
        yield Edit(first, stop, firsts, [stop - 1 if at is None else at for at in letters])


def _places(text: str, first: int, stop: int, piece: str) -> list[int | None]:
    """Return the place of each of the piece's letters, if only blanks differ or the length is the same."""
    if stop - first == len(piece):
        return list(range(first, stop))
    shown = [at for at in range(first, stop) if text[at] != " "]
    if len(shown) != len(piece.replace(" ", "")):
        return [None] * len(piece)
    places: list[int | None] = []
    for letter in piece:
        places.append(shown.pop(0) if letter != " " else places[-1])
    return places


_KIND: Final = "|".join(sorted(map(re.escape, COURTESY), key=len, reverse=True))
_LAST_SIGNS: Final = " .,!?:)"
_KIND_BEFORE: Final = re.compile(rf"(?:(?:{_KIND})(?!\w)[{_LAST_SIGNS}]*)+")
_KIND_AFTER: Final = re.compile(rf"[ .,!?]+(?:(?:{_KIND})(?:[{_LAST_SIGNS}]+|$))+$")


def _bare(view: View) -> View:
    """Drop courtesies at both ends, unless nothing else is left."""
    first, last = _bared(view.text)
    return view if (first, last) == (0, len(view.text)) else View(view.text[first:last], view, _ends_dropped)


def _bared(text: str) -> tuple[int, int]:
    """Return start and end of what is left of a text without courtesies at its ends: all if nothing else is there."""
    before = _KIND_BEFORE.match(text)
    first = before.end() if before else 0
    is_kind = text.rstrip(_LAST_SIGNS).endswith(COURTESY)  # far quicker than the search, which needs it
    after = _KIND_AFTER.search(text, max(0, first - 1)) if is_kind else None
    last = after.start() if after else len(text)
    return (first, last) if first < last else (0, len(text))


def _ends_dropped(text: str) -> Iterator[Edit]:
    first, last = _bared(text)
    yield Edit(0, first, (), ())
    yield Edit(last, len(text), (), ())
