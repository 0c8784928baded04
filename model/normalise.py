"""Canonical text: the form in which equal-looking messages are equal.

The canonical form is *light*: what it folds never changes what a person reads.  It is the cache key, the
classifier's input in training and in service, and the first view that rules look at.  Deeper folds (leet,
look-alikes, spaced letters) hurt ordinary words and are views of their own.
"""

import re
import unicodedata
from typing import Final

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
_LOOSE_JOINER: Final = re.compile("(?<![\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\ufe0f#*0-9])[\u200d\ufe0f]+")


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
