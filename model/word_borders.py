"""Where a word begins and ends, in any script: "kys2" ends before its digit, and Han has no blanks."""

import re
from functools import lru_cache
from typing import Final
from unicodedata import category

# Scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, kana and Han.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
_SOME_LETTERS: Final = 3
"""A word of at least so many letters ends before digits with no letters after them; "f4" and "af2" are names."""
_MANY_LETTERS: Final = 5
"""One of at least so many ends there whatever follows; otherwise a digit may stand for a letter ("ass4ssin")."""


def word_goes_on(text: str, edge: int, step: int, length: int) -> bool:
    """Whether a word continues beyond its letter at ``edge``; ``step`` is 1 for its end and -1 for its beginning.

    ``length`` is the number of code points that the word has so far.
    """
    beyond = edge + step
    if length >= _SOME_LETTERS and text[edge].isalpha():
        while text[beyond : beyond + 1].isdecimal():
            beyond += step
        if length >= _MANY_LETTERS and beyond != edge + step:
            return False
    other = text[beyond : beyond + 1]
    return other != "" and _is_one_word(text[edge], other)


def word_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a span to the word it is in."""
    while start and _is_one_word(text[start - 1], text[start]):
        start -= 1
    while end < len(text) and _is_one_word(text[end - 1], text[end]):
        end += 1
    return start, end


@lru_cache(maxsize=4_096)
def _is_one_word(one: str, other: str) -> bool:
    """Whether two neighbours belong to one word.

    Letters of cased scripts (Latin, Cyrillic) and of uncased ones (Han, Hangul, Arabic) do not: lines in the latter
    contain our words without blanks.
    """
    if not (one.isalnum() and other.isalnum()):
        return False
    if _UNSPACED.match(one) or _UNSPACED.match(other):
        return False
    return not (one.isalpha() and other.isalpha()) or (category(one) == "Lo") == (category(other) == "Lo")
