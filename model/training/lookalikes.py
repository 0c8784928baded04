"""Write ``model/lookalikes.py`` from Unicode's table of confusables.

The table (UTS 39, Unicode licence) is read as the package confusable-homoglyphs (MIT) ships it::

    python -m model.training.lookalikes .../confusable_homoglyphs/confusables.json > model/lookalikes.py

Kept are single letters outside ASCII that look like one or two letters from a to z once they are in canonical form.
What has an ASCII letter as its base (an accent on it) is found at run time and not listed.
"""

import json
import sys
import unicodedata
from pathlib import Path
from typing import Final

from model.normalise import canonical

_HAND: Final = {"б": "6", "ь": "b", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "ł": "l"}
_EYE: Final = {
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ғ": "f", "ɡ": "g", "һ": "h", "н": "h", "і": "i", "ј": "j",
    "к": "k", "ӏ": "l", "м": "m", "п": "n", "η": "n", "о": "o", "р": "p", "ԛ": "q", "г": "r", "ѕ": "s", "т": "t",
    "υ": "u", "ս": "u", "ν": "v", "ѵ": "v", "ԝ": "w", "ω": "w", "х": "x", "у": "y", "γ": "y", "ʐ": "z", "и": "n",
    "я": "r", "ё": "e", "э": "e", "є": "e", "α": "a", "β": "b", "ε": "e", "ι": "i", "κ": "k", "ο": "o", "ρ": "p",
    "σ": "o", "τ": "t", "χ": "x", "μ": "u", "λ": "a", "δ": "d", "з": "3", "ʀ": "r", "ɪ": "i", "ʟ": "l", "ɴ": "n",
    "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ꜰ": "f", "ɢ": "g", "ʜ": "h", "ᴊ": "j", "ᴋ": "k", "ᴍ": "m",
    "ᴏ": "o", "ᴘ": "p", "ꜱ": "s", "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w", "ʏ": "y", "ᴢ": "z", "ɐ": "a", "ɔ": "c",
    "ǝ": "e", "ə": "e", "ɟ": "f", "ɓ": "b", "ɗ": "d", "ɛ": "e", "ɩ": "i", "ɯ": "m", "ɹ": "r", "ʇ": "t", "ʌ": "v",
    "ʍ": "w", "ʎ": "y", "ƨ": "s", "ƽ": "s", "ꭰ": "d", "ꮃ": "w", "ո": "n", "հ": "h", "օ": "o",
    "ց": "g", "զ": "q", "ւ": "u", "ш": "w", "щ": "w", "ц": "u", "ч": "4",
    "ƒ": "f", "ᑎ": "n", "ᑫ": "q", "ᔕ": "s", "ᗯ": "w", "ᘔ": "z", "ᗝ": "o", "ᗴ": "e", "ɋ": "q", "ⱥ": "a", "ƀ": "b",
    "ȼ": "c", "ɇ": "e", "ɉ": "j", "ɍ": "r", "ɽ": "r", "ʉ": "u", "ɏ": "y", "ⱡ": "l", "ƶ": "z",
}  # fmt: skip
"""Look-alikes in a gamer's eyes that the table, made for identifiers, lacks or gives otherwise."""


def table(confusables: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    """Return look-alike letters in canonical form and what they are read as."""
    found: dict[str, str] = {}
    for sign, likes in sorted(confusables.items()):
        letter = canonical(sign)
        if len(letter) != 1 or letter.isascii() or _has_base(letter):
            continue
        plain = sorted({canonical(like["c"]) for like in likes} & _PLAIN, key=lambda like: (len(like), like))
        if plain:
            found.setdefault(letter, plain[0])
    return dict(sorted((found | _HAND | _EYE).items()))


_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz") | {"rn", "vv", "cl", "ae", "oe", "lj", "nj", "dz"}


def _has_base(letter: str) -> bool:
    return unicodedata.normalize("NFD", letter)[0].isascii()


def main() -> None:
    """Print the module."""
    found = table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    by_reading: dict[str, list[str]] = {}
    for letter, reading in found.items():
        if len(letter) == 1 and letter.isalpha() and not _has_base(letter):
            by_reading.setdefault(reading, []).append(letter)
    lines = [
        f"    {reading!r}: {''.join(letters)!r},".replace("'", '"') for reading, letters in sorted(by_reading.items())
    ]
    print(_HEAD + "\n".join(lines) + _TAIL)


_HEAD: Final = '''"""Letters outside ASCII that read as ASCII letters.  Written by ``model.training.lookalikes``.

Source: Unicode confusables (UTS 39), with additions for what players use.
"""

from typing import Final

_BY_READING: Final = {
'''
_TAIL: Final = '''
}  # fmt: skip

LOOKALIKES: Final = {letter: reading for reading, letters in _BY_READING.items() for letter in letters}
"""By canonical letter: what it is read as."""'''

if __name__ == "__main__":
    main()
