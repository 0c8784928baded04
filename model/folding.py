"""Folds in the tokenizer: disguised spellings reach the network as the word they imitate.

The folds are written into ``tokenizer.json``, so training and production cannot differ and a bundle needs no code.
They change only the network's input, never stored text: ``m4a1`` becomes ``maa1`` there, which is harmless because it
does so everywhere.  Cyrillic is read by look where gamers do so (``с`` is c) and by sound elsewhere, which also merges
the two spellings that Slavic players use for one word.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from tokenizers import Regex, Tokenizer, normalizers

_LOOKALIKES: Final = {
    "a": "аαɑ", "b": "б", "c": "сцϲ", "d": "дԁ", "e": "еёэєεɛ", "f": "ф", "g": "гɡґ", "h": "һ",
    "i": "иіїйıιɩ", "j": "ј", "k": "кκ", "l": "лӏ", "m": "м", "n": "нηп", "o": "оοσ", "p": "рρ",
    "q": "ԛ", "r": "ʀ", "s": "ѕ", "t": "тτ", "u": "υս", "v": "вνѵ", "w": "ԝω", "x": "хχ",
    "y": "уыγ", "z": "з", "zh": "ж", "ch": "ч", "sh": "шщ", "yu": "ю", "ya": "я", "": "ьъ",
}  # fmt: skip
_PICTURES: Final = {
    " knife ": "🔪🗡🔫💣⚔🪓🧨", " shit ": "💩🤮🤢🚽", " pig ": "🐷🐖🐽", " monkey ": "🐒🐵🙈🦍🦧",
    " rat ": "🐀🐁🪳🐍", " gay ": "🌈", " clown ": "🤡", " dead ": "💀☠⚰", " love ": "❤♥💕💖😍🥰😘",
    " haha ": "😂🤣😄😆😁😀😃", " angry ": "😡🤬😠👿", " middle finger ": "🖕", " dick ": "🍆", " black ": "🏿🏾",
    " white ": "🏻", " kill ": "🔥☢", " trash ": "🗑🚮",
}  # fmt: skip
_LEET: Final = (("0", "o"), ("1", "i"), ("3", "e"), ("4", "a"), ("5", "s"), ("7", "t"), ("@", "a"), ("$", "s"))
_GAP: Final = r"[ ._*\-,|/]"
_SPACED: Final = (
    # Three or more single letters in a row are one word; two ("i a") inside a sentence stay apart.
    rf"(?<=^[a-z]|[^a-z0-9][a-z]){_GAP}(?=[a-z]{_GAP}[a-z](?![a-z0-9]))"
    rf"|(?<=^[a-z]{_GAP}[a-z]|[^a-z0-9][a-z]{_GAP}[a-z]){_GAP}(?=[a-z](?![a-z0-9]))"
)


def folding() -> normalizers.Normalizer:
    """Return the normaliser that every tokenizer of the recipe begins with."""
    return normalizers.Sequence(list(_steps()))


def install(tokenizer: Tokenizer) -> Tokenizer:
    """Add the folds to ``tokenizer`` (uncased, BERT's) and return it."""
    tokenizer.normalizer = folding()
    return tokenizer


def _steps() -> Iterator[normalizers.Normalizer]:
    yield normalizers.NFKC()
    yield normalizers.Lowercase()
    for word, signs in _PICTURES.items():
        yield normalizers.Replace(Regex(f"[{signs}]"), word)
    for latin, signs in _LOOKALIKES.items():
        yield normalizers.Replace(Regex(f"[{signs}]"), latin)
    yield normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)
    yield normalizers.Replace(Regex(r"(?<=[a-z])00(?=[a-z])"), "oo")
    for sign, letter in _LEET:
        yield normalizers.Replace(Regex(rf"(?<=[a-z])[{sign}](?=[a-z])"), letter)
    yield normalizers.Replace(Regex(r"([^0-9])(?=\1\1)"), "")
    yield normalizers.Replace(Regex(_SPACED), "")


MAY_CHANGE: Final = re.compile(
    rf"[^ -@\[-~]|(?<=[a-z])(?:00|[{''.join(sign for sign, _ in _LEET)}])(?=[a-z])|([^0-9])\1\1"
    rf"|(?<![a-z0-9])[a-z]{_GAP}[a-z]{_GAP}[a-z](?![a-z0-9])"
)
"""Every text that a fold changes has one of these: a capital or no printable ASCII, a digit or sign between letters,
three times the same sign, or three single letters apart."""


def has_folds(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer's normaliser is ours."""
    ours = install(Tokenizer.from_str(tokenizer.to_str()))
    return bool(json.loads(ours.to_str())["normalizer"] == json.loads(tokenizer.to_str())["normalizer"])
