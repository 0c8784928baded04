"""Readings: what a disguised text says to a reader.

The canonical form folds only what a reader cannot see.  Players write for the eye: look-alike letters, digits for
letters, spaced or drawn-out words.  Undoing that damages ordinary words ("e50" is a tank), so each undone form is a
*reading* in addition to the text, never instead of it, and the worst counts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from model.lexicon import BY_OUTLINE, PLAINLY_HARSH
from model.lookalikes import AS_CYRILLIC
from model.mending import LEET, decoded, mended
from model.scripts import in_one_script
from model.view import Edit, View, as_view

MAX_READINGS: Final = 4
"""The canonical text and at most three more."""

# A sign or digit reads as a letter between letters, before two letters, or after three.
_LEET_WORD: Final = re.compile(
    r"(?<=[a-z])[01345789@$!|+€]{1,2}(?=[a-z])"
    r"|(?<![a-z0-9@$!|+])(?:[01345789@$€][01345789@$€!|+]?|[!|+])(?=[a-z][a-z@$!|+])"
    r"|(?<=[a-z]{3})[01345789@$€+]{1,2}(?![a-z0-9])"
)
_MIXED: Final = re.compile(r"[a-z]*[0-9@$!|+€][a-z0-9@$!|+€]*")
_BETWEEN_LETTERS: Final = " ._*-,|/~'\"+=:;\\%<>&()[]{}"
GAP: Final = f"[{re.escape(_BETWEEN_LETTERS)}]"
_LETTER: Final = "a-zа-яёіїєґ"
"""Letters of the scripts in which disguises are undone, for use in a set."""
_LONE: Final = rf"[{_LETTER}0-9@$!](?<!<3)"
"""What can be spaced; a heart ("<3") cannot."""
_SPACED: Final = re.compile(rf"(?<![{_LETTER}0-9@$]){_LONE}(?:{GAP}{{1,3}}{_LONE}(?![{_LETTER}0-9@$])){{2,}}")
_GAPS: Final = re.compile(rf"{GAP}+")
_BRACKETED: Final = re.compile(r"[(\[{][a-z][)\]}](?:[(\[{][a-z][)\]}])+")
_INSIDE_WORDS: Final = '._*-,|/~"+=:;^`\\%'
_SIGNS: Final = f"[{re.escape(_INSIDE_WORDS)}]"
# What is before a sign is looked at after it: a search for a set of signs passes over anything else far faster.
_SIGN_INSIDE: Final = re.compile(rf"{_SIGNS}(?<=[{_LETTER}].)(?=[{_LETTER}])")
_SIGNS_INSIDE: Final = re.compile(rf"{_SIGNS}(?<=[{_LETTER}].){_SIGNS}+(?=[{_LETTER}])")
_COVERED: Final = re.compile(rf"(?<![{_LETTER}])[{_LETTER}]+[*#][{_LETTER}*#]*")
_COVERED_BY_ONE: Final = re.compile(r"(?<![a-z._-])(?=[a-z._-]{4})[a-z]+[._-][a-z]+(?![a-z._-])")
_RUN: Final = re.compile(r"([^\W\d_])\1\1+")
# "kiII", the one harsh word whose equal strokes would look like a drawn-out letter.
_STROKES: Final = re.compile(r"(?<![a-z])k(?:iii|lll)(?=(?:s|ed|er|ing)?(?![a-z])|y?o?urse)")
# A sign of each of the above.  Searching many texts joined by line breaks finds the same as searching each alone.
DISGUISED: Final = re.compile(
    rf"[^\x00-\x7f]|(?<=[a-z])(?:[0-9@$!|+]{{1,2}}|{_SIGNS}+)(?=[a-z])|(?<![a-z0-9])[0-9@$!|+]{{1,2}}(?=[a-z][a-z@$!|+])"
    r"|(?<=[a-z]{3})[0-9@$+](?![a-z])|(?<=[a-z])[*#]|([a-z])\1\1"
    rf"|(?<![a-z0-9@$])[a-z0-9@$!]{GAP}{{1,3}}[a-z0-9@$!](?![a-z0-9@$])"
)
_LOOSE: Final = r"[^\w\s'@#$&]"
_BETWEEN: Final = re.compile(rf"[^\w'@#$&](?<=\w.)(?:(?<!\s){_LOOSE}* [^\w\n@#$&]*|(?<= ){_LOOSE}+ ?)(?=\w)")
APOSTROPHE: Final = re.compile(r"['’](?<=[a-z].)(?=[a-z])")


@lru_cache(maxsize=8_192)
def views(canonical: str) -> tuple[View, ...]:
    """Return the further readings of a canonical text, with maps into it; at most three, all different.

    The first leaves out a sign inside a word and cuts drawn-out letters to one ("fu_ck", "fuuuck"), the second treats
    the sign as a blank and cuts to two ("noob.report", "noooob"), the last mends words ("fcuk", "fu ck").
    """
    shown = as_view(canonical)
    found = _undisguised(shown) if DISGUISED.search(canonical) else [shown]
    found.extend(_mended(found))
    unique = {view.text: view for view in found if view.text not in ("", canonical)}
    return tuple(unique.values())


def _mended(found: list[View]) -> list[View]:
    """Mend the first reading that contains or hides a harsh word."""
    for view in found:
        if (better := mended(view)) is not None:
            return [better] if better is not view else []
    return []


def _undisguised(shown: View) -> list[View]:
    plain = _undo(shown)
    closed = _sub(plain, _SIGNS_OUT)
    first = _sub(closed, _RUNS_TO_ONE)
    if first is plain:
        return [plain]
    second = _sub(_sub(plain, _SIGNS_TO_BLANKS), _RUNS_TO_TWO)
    return [first] if first.text == second.text else [first, second]


def without_punctuation(view: View) -> View:
    """Return the view as phrases are written: signs between words become one blank, apostrophes are dropped."""
    return _sub(_sub(view, _TO_BLANKS), _APOSTROPHES_OUT)


def readings(canonical: str) -> tuple[str, ...]:
    """Return the canonical text and then its further readings, at most ``MAX_READINGS`` in all."""
    return (canonical, *(view.text for view in views(canonical)))


def _undo(view: View) -> View:
    if not view.text.isascii():
        view = _sub(in_one_script(view), _PICTURES_OUT)
    before, there = None, set[str]()
    for signs, rewriting in _STEPS:
        if view is not before:
            before, there = view, set(view.text)
        if not signs.isdisjoint(there):
            view = _sub(view, rewriting)
    return view


Kept = tuple[str, Sequence[int]]
"""What is written for a match, and the offset into the match of each code point of that."""


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """What is written for the matches of a pattern: one code point at most for all, or what a function says."""

    pattern: re.Pattern[str]
    keep: str | Callable[[str], Kept]

    def __call__(self, text: str) -> Iterator[Edit]:
        """Yield what is written; the first and last code point of a match cover what is dropped before and after."""
        for match in self.pattern.finditer(text):
            start, stop = match.span()
            kept = range(len(self.keep)) if isinstance(self.keep, str) else self.keep(match.group())[1]
            places = [start + place for place in kept]
            yield Edit(start, stop, [start, *places[1:]][: len(places)], [*places[:-1], stop - 1][: len(places)])

    def text(self, text: str) -> str:
        """Return the text as it is then."""
        keep = self.keep
        return self.pattern.sub(keep if isinstance(keep, str) else lambda match: keep(match.group())[0], text)


def _sub(view: View, rewriting: _Rewriting) -> View:
    text = rewriting.text(view.text)
    return view if text == view.text else View(text, view, rewriting)


def _first(run: str) -> Kept:
    return run[0], (0,)


def _first_two(run: str) -> Kept:
    return run[:2], (0, 1)


def _joined(run: str) -> Kept:
    """Close the gaps of a spaced word.

    Blanks separate words whose letters are spaced by signs ("n.o.o.b y.o.u"), signs those spaced by blanks
    ("n o o b , y o u").
    """
    gaps = list(_GAPS.finditer(run))
    are_blank = {gap.group().isspace() for gap in gaps}
    blanks_part = not all(" " in gap.group() for gap in gaps)
    parting = {gap.start() for gap in gaps if len(are_blank) > 1 and gap.group().isspace() == blanks_part}
    places = [place for place, letter in enumerate(run) if place in parting or not _GAPS.fullmatch(letter)]
    return "".join(" " if place in parting else run[place] for place in places), places


def _killing(_: str) -> Kept:
    return "kill", range(4)


def _unbracketed(run: str) -> Kept:
    places = [place for place, letter in enumerate(run) if letter.isalpha()]
    return "".join(run[place] for place in places), places


@lru_cache(maxsize=4_096)
def _decoded(word: str) -> Kept:
    """Read digits and signs as letters: all if that gives a known word, otherwise those near letters.

    Twice, since what is read first can be the neighbour that the rest needs.
    """
    ending = len(word.rstrip("!"))
    for end in dict.fromkeys((ending, len(word))):
        if meant := decoded(word[:end]):
            return meant + word[end:], range(len(word))
    for _ in range(2):
        word = _LEET_WORD.sub(_letters, word)
    return word, range(len(word))


def _letters(signs: re.Match[str]) -> str:
    return signs.group().translate(LEET)


def _cyrillic(sign: str) -> Kept:
    return sign.translate(AS_CYRILLIC), (0,)


def _uncovered(word: str) -> Kept:
    """Replace a word with covered letters by the first word of our list that fits."""
    for meant in BY_OUTLINE.get((len(word), word[0]), ()):
        if all(sign in ("*", "#", letter) for sign, letter in zip(word, meant, strict=True)):
            return meant, range(len(word))
    return word, range(len(word))


def _uncovered_by_one(word: str) -> Kept:
    """Restore the harsh word of which a full stop, dash or underscore covers one letter ("mo.on", "t_ash")."""
    place = next(place for place, sign in enumerate(word) if not sign.isalpha())
    for meant in BY_OUTLINE.get((len(word), word[0]), ()):
        if meant in PLAINLY_HARSH and meant[:place] == word[:place] and meant[place + 1 :] == word[place + 1 :]:
            return meant, range(len(word))
    return word, range(len(word))


_PICTURES: Final = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff\ufe0f\u200d]+ ?")
"""Emoji, which may soften a line ("😂") without changing its meaning."""
_CYRILLIC_LEET: Final = re.compile("(?<=[а-яёіїєґ])[0346@](?=[а-яёіїєґ])")
_STEPS: Final = (
    (frozenset("([{"), _Rewriting(_BRACKETED, _unbracketed)),
    (frozenset(_BETWEEN_LETTERS), _Rewriting(_SPACED, _joined)),
    (frozenset("0123456789@$!|+€"), _Rewriting(_MIXED, _decoded)),
    (frozenset("0346@"), _Rewriting(_CYRILLIC_LEET, _cyrillic)),
    (frozenset("*#"), _Rewriting(_COVERED, _uncovered)),
    (frozenset("._-"), _Rewriting(_COVERED_BY_ONE, _uncovered_by_one)),
    (frozenset(_INSIDE_WORDS), _Rewriting(_SIGNS_INSIDE, " ")),
    (frozenset("k"), _Rewriting(_STROKES, _killing)),
)
"""Each with the signs of which it needs one."""
_PICTURES_OUT: Final = _Rewriting(_PICTURES, "")
_SIGNS_OUT: Final = _Rewriting(_SIGN_INSIDE, "")
_SIGNS_TO_BLANKS: Final = _Rewriting(_SIGN_INSIDE, " ")
_RUNS_TO_ONE: Final = _Rewriting(_RUN, _first)
_RUNS_TO_TWO: Final = _Rewriting(_RUN, _first_two)
_TO_BLANKS: Final = _Rewriting(_BETWEEN, " ")
_APOSTROPHES_OUT: Final = _Rewriting(APOSTROPHE, "")
