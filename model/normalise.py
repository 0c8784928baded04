"""Canonical text: the form in which equal-looking messages are equal.

The canonical form is *light*: it folds only what a reader cannot see.  It is the cache key, the classifier's input in
training and in production, and the first view that rules match.  Deeper folds (leetspeak, look-alikes, spaced letters)
damage ordinary words and are separate views.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from model.view import View, as_view

NORMALISER_VERSION: Final = "8"
"""Part of the scorer digest: increase it with any change of ``canonical`` or ``model.readings``."""

MAX_CANONICAL: Final = 8_192
"""Maximum code points.  NFKC expands some characters eighteen-fold (U+FDFA); this bounds the growth."""

# Default-ignorable code points (Unicode DerivedCoreProperties) and other invisible controls, apart from
# U+200D and U+FE0F, which are part of emoji sequences and are handled later.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]"
)
# A joiner or an emoji selector that follows no pictograph joins nothing.
_LOOSE_JOINER: Final = re.compile(
    "(?<![\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\ufe0f#*0-9])[\u200d\ufe0f]+"
)
# Starters that compose with the one before them: the second halves of Hangul syllables and of some Indic vowels.
_SECOND: Final = re.compile(
    "[\u1161-\u1175\u11a8-\u11c2\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf"
    "\u102e\u1b35\U00011127\U0001133e\U00011357\U000114b0\U000114ba\U000114bd\U000115af\U00011930]"
)
_BLANKS: Final = re.compile(r"\s+")
_SURPLUS: Final = re.compile(r"\n|^ | $")


def canonical(text: str) -> str:
    """Return the canonical form of ``text``: NFKC, case folded, invisible characters removed, single spaces.

    Idempotent.  At most ``MAX_CANONICAL`` code points.  Sources: Unicode UAX 15 (NFKC), UAX 44
    (Default_Ignorable_Code_Point).
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.lower()[:MAX_CANONICAL].split())
    return _settle(text)


_PASSES: Final = 4


def _settle(text: str) -> str:
    """Fold until nothing changes: case folding can undo a composition, so one pass is not enough."""
    for _ in range(_PASSES):
        folded = _fold(text)
        if folded == text:
            break
        text = folded
    return text


def _fold(text: str) -> str:
    text = _INVISIBLE.sub("", text)
    text = unicodedata.normalize("NFKC", text)[:MAX_CANONICAL]
    text = unicodedata.normalize("NFKC", text.casefold())[:MAX_CANONICAL]
    text = _LOOSE_JOINER.sub("", _INVISIBLE.sub("", text))
    return " ".join(text.split())


def align(text: str) -> View:
    """Return the canonical form of ``text`` with its positions in ``text``.

    A code point of the result maps to everything that it was made from: a letter with its marks, a ligature, a run of
    white space.  Dropped code points map to nothing.
    """
    view = as_view(text)
    for _ in range(_PASSES):
        folded = _fold_view(view)
        if folded.text == view.text:
            break
        view = folded
    whole = canonical(text)
    if view.text != whole:  # a Unicode version with new compositions: only the whole span is known
        return View(whole, ([0] * len(whole), [len(text)] * len(whole)))
    return view


def _fold_view(view: View) -> View:
    """``_fold``, step by step, keeping positions."""
    view = _without(view, _INVISIBLE)
    view = _cut(_composed(view))
    view = _cut(_composed(_replaced(view, [letter.casefold() for letter in view.text])))
    view = _without(_without(view, _INVISIBLE), _LOOSE_JOINER)
    return _without(_replaced(view, _BLANKS.sub(_one_blank, view.text)), _SURPLUS)


def _one_blank(run: re.Match[str]) -> str:
    """Replace the first of a run of blanks by a space and the rest by line breaks, which are dropped next."""
    return " " + "\n" * (run.end() - run.start() - 1)


def _replaced(view: View, pieces: Sequence[str]) -> View:
    """Replace code point ``i`` by ``pieces[i]``."""
    places = [place for place, piece in enumerate(pieces) for _ in piece]
    starts, ends = view.places
    return View("".join(pieces), ([starts[i] for i in places], [ends[i] for i in places]))


def _without(view: View, pattern: re.Pattern[str]) -> View:
    """Remove what the pattern matches."""
    gone = {place for match in pattern.finditer(view.text) for place in range(*match.span())}
    if not gone:
        return view
    return _replaced(view, ["" if place in gone else letter for place, letter in enumerate(view.text)])


def _cut(view: View) -> View:
    starts, ends = view.places
    return View(view.text[:MAX_CANONICAL], (starts[:MAX_CANONICAL], ends[:MAX_CANONICAL]))


def _composed(view: View) -> View:
    """Convert to NFKC; composition and reordering stay within a starter and what may join it."""
    from_starts, from_ends = view.places
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for first, last in _segments(view.text):
        piece = unicodedata.normalize("NFKC", view.text[first:last])
        pieces.append(piece)
        starts.extend([from_starts[first]] * len(piece))
        ends.extend([from_ends[last - 1]] * len(piece))
    return View("".join(pieces), (starts, ends))


def _segments(text: str) -> Iterator[tuple[int, int]]:
    first = 0
    for place in range(1, len(text)):
        if not _joins(text[place]):
            yield first, place
            first = place
    if text:
        yield first, len(text)


@lru_cache(maxsize=4_096)
def _joins(letter: str) -> bool:
    """Whether a letter may compose or reorder with the one before it."""
    if letter.isascii():
        return False
    first = unicodedata.normalize("NFKD", letter)[0]
    return unicodedata.combining(first) != 0 or _SECOND.match(first) is not None
