"""Augmentation with disguises: the ways in which players respell a word to evade a filter.

Clean and toxic lines are disguised alike in training, so that a disguise alone is not a signal.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

Disguise = Callable[[str, np.random.Generator], str]

_LEET: Final = {
    "a": "4@",
    "b": "8",
    "e": "3",
    "g": "69",
    "i": "1!|",
    "l": "1|",
    "o": "0",
    "s": "5$",
    "t": "7+",
    "z": "2",
}
_LOOKALIKE: Final = {
    "a": "аɑάα", "b": "Ьƅ", "c": "сϲ", "d": "ԁɗ", "e": "еéëє", "g": "ɡġ", "h": "һн", "i": "іíïı", "j": "ј", "k": "кκ",
    "l": "ӏḷ", "m": "м", "n": "ոñη", "o": "оóöο", "p": "рρ", "q": "ԛ", "r": "гŕ", "s": "ѕś", "t": "тţ", "u": "υüս",
    "v": "νѵ", "w": "ԝω", "x": "хχ", "y": "уýγ", "z": "źʐ",
}  # fmt: skip
_SOUND: Final = (
    ("ck", "k"),
    ("ph", "f"),
    ("f", "ph"),
    ("c", "k"),
    ("s", "z"),
    ("er", "a"),
    ("you", "u"),
    ("are", "r"),
    ("ing", "in"),
    ("oo", "u"),
)
_HIDDEN: Final = "\u200b\u200c\u2060\u00ad"


def leet(word: str, rng: np.random.Generator) -> str:
    """Replace letters by digits and signs."""
    return _swap_in(word, _LEET, rng)


def lookalike(word: str, rng: np.random.Generator) -> str:
    """Replace letters by look-alikes of other scripts."""
    return _swap_in(word, _LOOKALIKE, rng)


def spaced(word: str, rng: np.random.Generator) -> str:
    """Insert the same sign between all letters."""
    return str(rng.choice([" ", ".", "-", "_", "*"])).join(word)


def parted(word: str, rng: np.random.Generator) -> str:
    """Split the word in two with a blank or a sign."""
    place = int(rng.integers(1, len(word)))
    return word[:place] + str(rng.choice([" ", " ", ".", "-", "_"])) + word[place:]


def hidden(word: str, rng: np.random.Generator) -> str:
    """Insert an invisible character."""
    place = int(rng.integers(1, len(word)))
    return word[:place] + str(rng.choice(list(_HIDDEN))) + word[place:]


def swapped(word: str, rng: np.random.Generator) -> str:
    """Swap two neighbours, except the first letter if the word is long enough."""
    place = int(rng.integers(1 if len(word) > 3 else 0, len(word) - 1))
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def repeated(word: str, rng: np.random.Generator) -> str:
    """Draw a letter out."""
    place = int(rng.integers(0, len(word)))
    return word[:place] + word[place] * int(rng.integers(2, 6)) + word[place + 1 :]


def starred(word: str, rng: np.random.Generator) -> str:
    """Cover an inner letter."""
    place = int(rng.integers(1, max(2, len(word) - 1)))
    return word[:place] + str(rng.choice(["*", "*", "#", "_", "."])) + word[place + 1 :]


def dropped(word: str, rng: np.random.Generator) -> str:
    """Drop an inner letter."""
    place = int(rng.integers(1, len(word)))
    return word[:place] + word[place + 1 :]


def by_sound(word: str, rng: np.random.Generator) -> str:
    """Spell a part as it sounds."""
    fitting = [(old, new) for old, new in _SOUND if old in word]
    if not fitting:
        return repeated(word, rng)
    old, new = fitting[int(rng.integers(len(fitting)))]
    return word.replace(old, new, 1)


DISGUISES: Final[Mapping[str, Disguise]] = {
    "leet": leet, "lookalike": lookalike, "spaced": spaced, "parted": parted, "hidden": hidden, "swapped": swapped,
    "repeated": repeated, "starred": starred, "dropped": dropped, "by_sound": by_sound,
}  # fmt: skip
"""Every disguise of one word, by name; each needs a word of at least two characters."""


def disguise(text: str, rng: np.random.Generator, *, share: float = 0.5) -> str:
    """Disguise each word of three letters or more with the given probability, all in the same manner."""
    manner = DISGUISES[str(rng.choice(list(DISGUISES)))]
    words = text.split(" ")
    return " ".join(
        manner(word, rng) if len(word) >= 3 and word.isalpha() and rng.random() < share else word for word in words
    )


def _swap_in(word: str, table: Mapping[str, str], rng: np.random.Generator) -> str:
    places = [place for place, letter in enumerate(word) if letter in table]
    if not places:
        return word
    chosen = set(rng.choice(places, size=int(rng.integers(1, len(places) + 1)), replace=False).tolist())
    return "".join(
        str(rng.choice(list(table[letter]))) if place in chosen else letter for place, letter in enumerate(word)
    )
