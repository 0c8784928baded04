"""Evasions: ways of disguising a toxic line, to measure how many disguised lines are still caught.

    python -m model.training.evasions --bundle DIR --data DIR

Each evasion changes a whole line, as a player who wants to evade a filter would.  They are independent of the
disguises that models are trained on (``augment``), so that the test is not the training.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

Evasion = Callable[[str, np.random.Generator], str]

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_LEET: Final = dict(zip("aeio", "4310", strict=True))
_LEET_MORE: Final = {**_LEET, **dict(zip("stb", "578", strict=True))}
_SIGNS: Final = dict(zip("asit", "@$!+", strict=True))
_CYRILLIC: Final = dict(zip("acehijkmopstxy", "асеһіјкморѕтху", strict=True))
_GREEK: Final = dict(zip("aeiknoptuvxy", "αεικηορτυνχγ", strict=True))
_ODD: Final = dict(zip("abcdefghijklmnopqrstuvwxyz", "ɑƅсԁеғɡһіјκӏмոοрԛгѕтսνԝхуʐ", strict=True))
_SMALL: Final = dict(zip("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", strict=True))
_FLIPPED: Final = dict(zip("acefhimrtvwy", "ɐɔǝɟɥıɯɹʇʌʍʎ", strict=True))
_ACCENTS: Final = dict(zip("aceinosuyz", "áçéíñóşúýž", strict=True))
_RAISED: Final = dict(zip("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True))
_SOUND: Final = (
    ("ck", "k"),
    ("ph", "f"),
    ("qu", "kw"),
    ("ss", "s"),
    ("er ", "a "),
    ("you", "yu"),
    ("th", "d"),
    ("i", "y"),
)
_CHAFF: Final = ("gg wp", "nice try", "push mid", "good game all", "lol")


def _written_with(table: Mapping[str, str], text: str, _: np.random.Generator) -> str:
    return "".join(table.get(letter, letter) for letter in text)


def _half_written_with(table: Mapping[str, str], text: str, rng: np.random.Generator) -> str:
    return "".join(table.get(letter, letter) if rng.random() < 0.5 else letter for letter in text)


def _block(first: int, text: str, _: np.random.Generator) -> str:
    return "".join(chr(first + _LETTERS.index(letter)) if letter in _LETTERS else letter for letter in text)


def _after_each(sign: str, text: str, _: np.random.Generator) -> str:
    """Insert a sign after every letter but the last of each word."""
    return " ".join(sign.join(word) for word in text.split(" "))


def _marked(marks: str, text: str, rng: np.random.Generator) -> str:
    return "".join(letter + str(rng.choice(list(marks))) if letter.isalpha() else letter for letter in text)


def _by_word(change: Evasion, text: str, rng: np.random.Generator) -> str:
    """Change each word of three letters or more."""
    return " ".join(change(word, rng) if len(word) > 2 and word.isalpha() else word for word in text.split(" "))


def _one(table: Mapping[str, str], word: str, rng: np.random.Generator) -> str:
    places = [place for place, letter in enumerate(word) if letter in table]
    if not places:
        return word
    place = places[int(rng.integers(len(places)))]
    return word[:place] + table[word[place]] + word[place + 1 :]


def _drawn_out(word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(len(word)))
    return word[:place] + word[place] * 5 + word[place + 1 :]


def _vowels_drawn_out(word: str, _: np.random.Generator) -> str:
    return re.sub(r"([aeiou])", r"\1\1\1\1", word)


def _inside(sign: str, word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(1, len(word)))
    return word[:place] + sign + word[place:]


def _swapped(word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(1, len(word) - 1))
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _vowel_gone(word: str, rng: np.random.Generator) -> str:
    places = [place for place, letter in enumerate(word) if letter in "aeiou" and place]
    if not places:
        return word
    place = places[int(rng.integers(len(places)))]
    return word[:place] + word[place + 1 :]


def _starred(word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(1, len(word) - 1))
    return word[:place] + "*" + word[place + 1 :]


def _by_sound(text: str, _: np.random.Generator) -> str:
    for old, new in _SOUND:
        if old in text:
            return text.replace(old, new)
    return text


def _last_doubled(word: str, _: np.random.Generator) -> str:
    return word + word[-1] * 3


def _alternating(text: str, _: np.random.Generator) -> str:
    return "".join(letter.upper() if place % 2 else letter for place, letter in enumerate(text))


def _chaff_before(text: str, rng: np.random.Generator) -> str:
    return f"{rng.choice(_CHAFF)} {text}"


def _chaff_after(text: str, rng: np.random.Generator) -> str:
    return f"{text} {rng.choice(_CHAFF)}"


def _between_words(sign: str, text: str, _: np.random.Generator) -> str:
    return text.replace(" ", sign)


def _around(before: str, after: str, text: str, _: np.random.Generator) -> str:
    return f"{before}{text}{after}"


def _cased(text: str, _: np.random.Generator) -> str:
    return text.upper()


def _titled(text: str, _: np.random.Generator) -> str:
    return text.title()


def _joined_by_capitals(text: str, _: np.random.Generator) -> str:
    first, *others = text.split(" ")
    return first + "".join(word.capitalize() for word in others)


EVASIONS: Final[Mapping[str, Evasion]] = {
    "leet": partial(_written_with, _LEET),
    "leet, more letters": partial(_written_with, _LEET_MORE),
    "leet, every other letter": partial(_half_written_with, _LEET_MORE),
    "leet, one letter a word": partial(_by_word, partial(_one, _LEET_MORE)),
    "signs for letters": partial(_written_with, _SIGNS),
    "one sign a word": partial(_by_word, partial(_one, _SIGNS)),
    "Cyrillic look-alikes": partial(_written_with, _CYRILLIC),
    "Cyrillic, one a word": partial(_by_word, partial(_one, _CYRILLIC)),
    "Greek look-alikes": partial(_half_written_with, _GREEK),
    "look-alikes of any script": partial(_half_written_with, _ODD),
    "small capitals": partial(_written_with, _SMALL),
    "upside down": partial(_half_written_with, _FLIPPED),
    "accents": partial(_written_with, _ACCENTS),
    "raised letters": partial(_written_with, _RAISED),
    "full width": partial(_block, 0xFF41),
    "bold": partial(_block, 0x1D41A),
    "Fraktur": partial(_block, 0x1D586),
    "typewriter": partial(_block, 0x1D68A),
    "double-struck": partial(_block, 0x1D552),
    "circled": partial(_block, 0x24D0),
    "in brackets": partial(_block, 0x249C),
    "squared": partial(_block, 0x1F130),
    "white on black circles": partial(_block, 0x1F150),
    "regional indicators": partial(_block, 0x1F1E6),
    "stacked marks": partial(_marked, "\u0300\u0301\u0308\u0316\u0323\u0334"),
    "struck through": partial(_marked, "\u0336"),
    "underlined": partial(_marked, "\u0332"),
    "zero-width spaces": partial(_after_each, "\u200b"),
    "zero-width joiners": partial(_after_each, "\u200d"),
    "soft hyphens": partial(_after_each, "\u00ad"),
    "word joiners": partial(_after_each, "\u2060"),
    "tag characters": partial(_after_each, "\U000e0061"),
    "direction marks": partial(_after_each, "\u202e"),
    "variation selectors": partial(_after_each, "\ufe01"),
    "grapheme joiners": partial(_after_each, "\u034f"),
    "spaced letters": partial(_by_word, lambda word, _: " ".join(word)),
    "dotted": partial(_by_word, lambda word, _: ".".join(word)),
    "dashed": partial(_by_word, lambda word, _: "-".join(word)),
    "underscored": partial(_by_word, lambda word, _: "_".join(word)),
    "stars between": partial(_by_word, lambda word, _: "*".join(word)),
    "a letter drawn out": partial(_by_word, _drawn_out),
    "vowels drawn out": partial(_by_word, _vowels_drawn_out),
    "last letter drawn out": partial(_by_word, _last_doubled),
    "capitals": _cased,
    "alternating capitals": _alternating,
    "title case": _titled,
    "joined by capitals": _joined_by_capitals,
    "split by a dot": partial(_by_word, partial(_inside, ".")),
    "split by an underscore": partial(_by_word, partial(_inside, "_")),
    "split by a blank": partial(_by_word, partial(_inside, " ")),
    "a letter covered": partial(_by_word, _starred),
    "neighbours swapped": partial(_by_word, _swapped),
    "a vowel left out": partial(_by_word, _vowel_gone),
    "by sound": _by_sound,
    "points between words": partial(_between_words, "..."),
    "line breaks between words": partial(_between_words, "\n"),
    "exclamation marks": partial(_around, "!!", "!!!!"),
    "crosses around": partial(_around, "xx ", " xx"),
    "emoji around": partial(_around, "😂😂 ", " 😂"),
    "kind words after": _chaff_after,
    "kind words before": _chaff_before,
}
"""Every evasion of a canonical line, by name."""


def disguised(texts: Sequence[str], evasion: str, seed: int) -> list[str]:
    """Return each text under one evasion; the same seed gives the same lines."""
    rng = np.random.default_rng([seed, *evasion.encode()])
    return [EVASIONS[evasion](text, rng) for text in texts]
