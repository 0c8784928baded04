"""Canonical text: the form in which equal-looking messages are equal.

The canonical form is *light*: what it folds never changes what a person reads.  It is the cache key, the
classifier's input in training and in service, and the first view that rules look at.  Deeper folds (leet,
look-alikes, spaced letters) hurt ordinary words and are views of their own.
"""

import re
import unicodedata
from typing import Final

NORMALISER_VERSION: Final = "1"
"""Part of the scorer digest: raise it with any change of ``canonical``."""

MAX_CANONICAL: Final = 8_192
"""Code points kept.  NFKC grows some characters eighteen-fold (U+FDFA); this bounds the growth."""

# Default-ignorable code points (Unicode DerivedCoreProperties) and other invisible controls, apart from
# U+200D and U+FE0F, which are letters of emoji sequences and are handled after the rest.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]"
)
# A joiner or an emoji selector that follows no pictograph joins nothing.
_LOOSE_JOINER: Final = re.compile(
    "(?<![\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\ufe0f#*0-9])[\u200d\ufe0f]+"
)
# What NFKC may compose or reorder, it does within a starter and the marks after it.
_SEGMENT: Final = re.compile(r"[^\S]+|.(?:[\u0300-\u036f\u1100-\u11ff\u200d\u3099\u309a\ufe00-\ufe0f])*", re.S)


def canonical(text: str) -> str:
    """Return the canonical form of ``text``: NFKC, folded case, nothing invisible, single spaces.

    Idempotent.  At most ``MAX_CANONICAL`` code points.  Sources: Unicode UAX 15 (NFKC), UAX 44
    (Default_Ignorable_Code_Point).
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    return _settle(text)


def _settle(text: str) -> str:
    """Fold until nothing changes; folding case can undo a composition, so once is not enough."""
    for _ in range(4):
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


def align(text: str) -> tuple[str, list[int]]:
    """Return the canonical form of ``text`` and, for each of its code points, where it came from.

    The list holds one offset into ``text`` per canonical code point, and ``len(text)`` at the end.
    Canonical code points that stand for the same original ones share an offset.
    """
    whole = canonical(text)
    origins: list[int] = []
    pieces: list[str] = []
    blank = True  # leading white space is dropped
    for segment in _SEGMENT.finditer(text):
        piece = canonical(segment.group())
        if not piece:
            if segment.group().isspace() and not blank:
                pieces.append(" ")
                origins.append(segment.start())
                blank = True
            continue
        pieces.append(piece)
        origins.extend([segment.start()] * len(piece))
        blank = False
    joined = "".join(pieces)
    if joined.rstrip(" ") != whole:
        # Folding crossed a segment; the exact origin is unknown, so every code point stands for the whole text.
        return whole, [0] * len(whole) + [len(text)]
    return whole, [*origins[: len(whole)], len(text)]


def original_span(origins: list[int], start: int, end: int) -> tuple[int, int]:
    """Map a span of the canonical text (end exclusive, not empty) back by the offsets that ``align`` gave."""
    last = origins[end - 1]
    following = next((origin for origin in origins[end:] if origin > last), origins[-1])
    return origins[start], following
