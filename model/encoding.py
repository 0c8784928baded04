"""What a tokenizer need not search for.

The folds of the shipped tokenizer (``model.folding``) are 63 steps, each of which searches every text: four times the
work of everything else it does, mostly for nothing.  Copies with fewer steps do the same to texts in which the others
find nothing.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokenizers import Encoding, Tokenizer

from model.folding import MAY_CHANGE, has_folds

_NO_ASCII: Final = re.compile(r"\[[^\x00-\x7f]+\]")
"""A pattern for one of some characters outside ASCII."""
_CANONICAL: Final = frozenset({"NFC", "NFKC", "Lowercase"})
_NORMAL_FORMS: Final = frozenset({"NFC", "NFD", "NFKC", "NFKD"})
_KEEP_ASCII: Final = frozenset({"Lowercase", "Strip", "StripAccents", "BertNormalizer"})


class Encoder:
    """Encodes as a tokenizer does, by the copy of it with the fewest steps that a text allows."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take a tokenizer, with its truncation; later changes of it may or may not count."""
        brief = for_ascii(tokenizer)
        self._plain = _without_folds(tokenizer)
        self._copies: Final = (tokenizer, brief, self._plain or brief)

    def __call__(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode each text, in order; raises what the tokenizer raises."""
        kinds = [self._kind(text) for text in texts]
        encoded = [
            iter(copy.encode_batch([text for text, its in zip(texts, kinds, strict=True) if its == kind]))
            for kind, copy in enumerate(self._copies)
        ]
        return [next(encoded[kind]) for kind in kinds]

    def _kind(self, text: str) -> int:
        """Return the number of the copy for a text."""
        if self._plain is not None and MAY_CHANGE.search(text) is None:
            return 2
        return 1 if text.isascii() else 0


def _without_folds(tokenizer: Tokenizer) -> Tokenizer | None:
    """Return a copy that has no folds; None unless the tokenizer's are ours, and no text has a special meaning."""
    form = json.loads(tokenizer.to_str())
    if not has_folds(tokenizer) or any(added["normalized"] for added in form["added_tokens"]):
        return None
    return Tokenizer.from_str(json.dumps(form | {"normalizer": None}))


def read_as_ascii(tokenizer: Tokenizer) -> dict[int, str]:
    """Return the letters outside ASCII that a tokenizer first of all replaces by ASCII ones, and by which.

    First but for steps that do nothing to a text in NFKC and lower case, as these letters are.  Nothing if the
    tokenizer looks for whole words before, some of which have such letters.
    """
    letters: dict[int, str] = {}
    form = json.loads(tokenizer.to_str())
    if not _knows_only_ascii(form):
        return letters
    for step in _steps(form):
        if step["type"] in _CANONICAL and not letters:
            continue
        if not (_finds_no_ascii(step) and _keeps_ascii(step)):
            break
        if re.fullmatch("[a-z]*", step["content"]):
            for letter in filter(is_canonical, step["pattern"]["Regex"][1:-1]):
                letters.setdefault(ord(letter), step["content"])
    return letters


def is_canonical(text: str) -> bool:
    """Whether a text is in NFKC and lower case."""
    return unicodedata.is_normalized("NFKC", text) and text == text.lower()


def for_ascii(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that does the same to ASCII text, in fewer steps where possible.

    Left out are Unicode's normal forms and replacements of characters that such text never has.  Each step costs about
    half a microsecond per part, whether it finds something or not.
    """
    form = json.loads(tokenizer.to_str())
    steps = _steps(form)
    kept = [step for step in steps if not _finds_no_ascii(step)]
    if len(kept) == len(steps) or not all(map(_keeps_ascii, kept)) or not _knows_only_ascii(form):
        return tokenizer
    form["normalizer"]["normalizers"] = kept
    return Tokenizer.from_str(json.dumps(form))


def _knows_only_ascii(form: Mapping[str, Any]) -> bool:
    """Whether the whole words that a tokenizer looks for, perhaps in their folded form, are ASCII."""
    return all(added["content"].isascii() for added in form["added_tokens"])


def _finds_no_ascii(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Replace":
        return _NO_ASCII.fullmatch(step["pattern"].get("Regex", "")) is not None
    return step["type"] in _NORMAL_FORMS


def _keeps_ascii(step: Mapping[str, Any]) -> bool:
    """Whether this is a step in which ASCII text is known to stay ASCII."""
    return step["content"].isascii() if step["type"] == "Replace" else step["type"] in _KEEP_ASCII


def _steps(form: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a normaliser that has several."""
    steps: list[dict[str, Any]] = (form["normalizer"] or {}).get("normalizers", [])
    return steps
