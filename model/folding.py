"""Folds in the tokenizer: disguised spellings reach the network as the word they imitate.

The folds are written into ``tokenizer.json``, so training and production cannot differ and a bundle needs no code.
They change only the network's input, never stored text: ``m4a1`` becomes ``maa1`` there, which is harmless because it
does so everywhere.  Cyrillic is read by look where gamers do so (``с`` is c) and by sound elsewhere, which also merges
the two spellings that Slavic players use for one word.

Looking for all of them takes a tokenizer four times as long as everything else it does, and most lines have none;
``Encoder`` leaves the search out for those.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from tokenizers import Encoding, Regex, Tokenizer, normalizers

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


_MAY_CHANGE: Final = re.compile(
    rf"[^ -@\[-~]|(?<=[a-z])(?:00|[{''.join(sign for sign, _ in _LEET)}])(?=[a-z])|([^0-9])\1\1"
    rf"|(?<![a-z0-9])[a-z]{_GAP}[a-z]{_GAP}[a-z](?![a-z0-9])"
)
"""Every text that a fold changes has one of these: a capital or no printable ASCII, a digit or sign between letters,
three times the same sign, or three single letters apart."""


class Encoder:
    """A tokenizer that does not search for folds where there can be none."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take a tokenizer, with its truncation, which later changes do not affect."""
        self._tokenizer = tokenizer
        self._plain = _without_folds(tokenizer)

    def __call__(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode each text, in order, as the tokenizer does; raises what that raises."""
        if self._plain is None:
            return list(self._tokenizer.encode_batch(texts))
        unsure = [_MAY_CHANGE.search(text) is not None for text in texts]
        slow = iter(self._tokenizer.encode_batch([text for text, may in zip(texts, unsure, strict=True) if may]))
        quick = iter(self._plain.encode_batch([text for text, may in zip(texts, unsure, strict=True) if not may]))
        return [next(slow if may else quick) for may in unsure]


def _without_folds(tokenizer: Tokenizer) -> Tokenizer | None:
    """Return a copy that has no folds; None unless the tokenizer begins with ours, and text has no special meaning."""
    document = json.loads(tokenizer.to_str())
    ours = json.loads(install(Tokenizer.from_str(tokenizer.to_str())).to_str())["normalizer"]
    if document["normalizer"] != ours or any(added["normalized"] for added in document["added_tokens"]):
        return None
    return Tokenizer.from_str(json.dumps(document | {"normalizer": None}))
