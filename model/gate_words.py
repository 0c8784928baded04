"""How the gate tokenises: words and their hashed character n-grams, or the classifier's own pieces.

Each blank-separated part is tokenised independently, so that it can be cached.
"""

import re
import zlib
from collections.abc import Callable, Hashable, Sequence
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Token = Hashable
Kind = Literal["grams", "pieces"]

LONGEST_GRAM: Final = 5

_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_TOKEN: Final = re.compile(r"[^\x00-`{-\x7f]+|0+|\S")


class Reader(Protocol):
    """Splits texts into tokens, and tokens into rows of the network's table, which has ``rows``."""

    kind: Kind
    rows: int

    def split(self, parts: Sequence[str]) -> list[Sequence[Token]]:
        """Split each blank-separated part into tokens; an empty one has none."""

    def bags(self, tokens: Sequence[Token]) -> tuple[Ints, Ints]:
        """Return the rows that add up to each token, token by token, and how many each has."""


class Words:
    """Words, numbers by their length, and signs, as hashed n-grams; ``buckets`` is a power of two."""

    kind: Kind = "grams"

    def __init__(self, buckets: int) -> None:
        self.rows = buckets

    def split(self, parts: Sequence[str]) -> list[Sequence[Token]]:
        """Split into words, numbers and signs."""
        return [_TOKEN.findall(part.encode().translate(_DIGITS).decode()) for part in parts]

    def bags(self, tokens: Sequence[Token]) -> tuple[Ints, Ints]:
        """Return the buckets of each word's n-grams, and how many it has."""
        return gram_buckets([str(token) for token in tokens], self.rows)


class Pieces:
    """The classifier's own word pieces, with all that its tokenizer folds first."""

    kind: Kind = "pieces"

    def __init__(self, encode: Callable[[Sequence[str]], list[Sequence[int]]], vocabulary: int) -> None:
        """Take the classifier's tokenizer and its vocabulary size."""
        self._encode = encode
        self.rows = vocabulary

    def split(self, parts: Sequence[str]) -> list[Sequence[Token]]:
        """Split into piece ids."""
        return [tuple(pieces) for pieces in self._encode(parts)]

    def bags(self, tokens: Sequence[Token]) -> tuple[Ints, Ints]:
        """Return each piece's own row."""
        return np.array(tokens, dtype=np.int64), np.ones(len(tokens), dtype=np.int64)


def gram_buckets(words: Sequence[str], buckets: int) -> tuple[Ints, Ints]:
    """Hash each word and its character n-grams (two to five, with word borders marked).

    Returns the buckets, word by word, and how many each word has.  ``buckets`` is a power of two.
    """
    marked = "".join(f"<{word}>" for word in words)
    codes = np.frombuffer(marked.encode("utf-32-le"), dtype="<u4").astype(np.uint32)
    owners = np.repeat(np.arange(len(words)), [len(word) + 2 for word in words])
    whole = np.array([zlib.crc32(word.encode()) * 2654435761 >> 7 & (buckets - 1) for word in words], dtype=np.int64)
    found, of = [whole], [np.arange(len(words))]
    state = codes
    for length in range(2, LONGEST_GRAM + 1):
        state = state[:-1] * np.uint32(16777619) ^ codes[length - 1 :] * np.uint32(0x9E3779B1)
        inside = owners[: len(state)] == owners[length - 1 :]
        found.append(
            (_mixed(state[inside] + np.uint32(length * 0x85EBCA6B & 0xFFFFFFFF)) & np.uint32(buckets - 1)).astype(
                np.int64
            )
        )
        of.append(owners[: len(state)][inside])
    owner = np.concatenate(of)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(found)[order], np.bincount(owner, minlength=len(words))


def _mixed(state: NDArray[np.uint32]) -> NDArray[np.uint32]:
    state = state ^ state >> np.uint32(15)
    state = state * np.uint32(0x2C1B3C6D)
    return state ^ state >> np.uint32(12)
