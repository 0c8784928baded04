"""The bundle's tokenizer: canonical texts to piece ids."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tokenizers import Tokenizer

from model.bundle import Bundle
from model.errors import BundleError
from model.gate_words import Pieces
from model.vetting import CONFIG, TOKENIZER

Encode = Callable[[Sequence[str]], list[Sequence[int]]]

_PLAIN: Final = re.compile(r"([a-z]+[0-9]*|[0-9]+[a-z]*)?([!?.,:;]*)")
_DRAWN_OUT: Final = re.compile(r"([^0-9])\1\1")
_ENDINGS: Final = ("", "!", "?", ".", ",", ":", ";", "?!", "..", "1", "50", "4.")
_NO_ASCII: Final = re.compile(r"\[[^\x00-\x7f]+\]")
"""A pattern for one of some characters outside ASCII."""
_CANONICAL: Final = frozenset({"NFC", "NFKC", "Lowercase"})
_NORMAL_FORMS: Final = frozenset({"NFC", "NFD", "NFKC", "NFKD"})
_KEEP_ASCII: Final = frozenset({"Lowercase", "Strip", "StripAccents", "BertNormalizer"})
_PROBES: Final = 600
"""Pieces on which the shortcut for plain words is tested: about 20 ms."""


def load_tokenizer(bundle: Bundle) -> Tokenizer:
    """Read the tokenizer; it neither pads nor truncates.  Blocks on the disk.

    Raises:
        BundleError: it is not a tokenizer, or has more pieces than the network.
    """
    source = bundle.read(TOKENIZER)
    try:
        tokenizer = Tokenizer.from_str(source.decode())
    except Exception as exc:  # tokenizers raises bare Exception, and nothing else is called here
        raise BundleError(f"{bundle.path / TOKENIZER}: not a tokenizer: {exc}; save it again") from exc
    tokenizer.no_padding()
    tokenizer.no_truncation()
    vocabulary = bundle.config.get("vocab_size", 0)
    if tokenizer.get_vocab_size() > vocabulary:
        raise BundleError(
            f"{bundle.path / TOKENIZER}: {tokenizer.get_vocab_size()} tokens, {bundle.path / CONFIG} has {vocabulary}"
        )
    return tokenizer


def pieces_of(bundle: Bundle) -> Pieces:
    """Return the bundle's tokenizer as the gate uses it.  Blocks and raises as ``load_tokenizer``."""
    tokenizer = load_tokenizer(bundle)
    return Pieces(quick_encode(tokenizer), tokenizer.get_vocab_size())


def quick_encode(tokenizer: Tokenizer) -> Encode:
    """Return a function that encodes parts of texts independently; for plain words far faster than the tokenizer.

    A tokenizer spends most of its time on folds that do not affect plain words.  If folding leaves the words of its
    own vocabulary unchanged, plain words go straight to its model, also those of letters that it reads as ASCII ones.
    """
    brief = for_ascii(tokenizer)

    def whole(parts: Sequence[str]) -> list[Sequence[int]]:
        return [(brief if part.isascii() else tokenizer).encode(part, add_special_tokens=False).ids for part in parts]

    letters = read_as_ascii(tokenizer)
    known = sorted(word for word in tokenizer.get_vocab() if re.fullmatch("[a-z]{2,}", word))
    tried = known[:: 1 + len(known) // _PROBES] + list(map(chr, letters))
    probes = [word + _ENDINGS[number % len(_ENDINGS)] for number, word in enumerate(tried)]
    model = tokenizer.model

    def plain(part: str) -> list[int] | None:
        """Return the pieces of a word or number with trailing signs; None for any other part."""
        if letters and not part.isascii() and _is_canonical(part):
            part = part.translate(letters)
        match = _PLAIN.fullmatch(part)
        if match is None or _DRAWN_OUT.search(part):
            return None
        return [token.id for word in (match[1] or "", *match[2]) for token in model.tokenize(word)]

    if not probes or [plain(probe) for probe in probes] != whole(probes):
        return whole

    def encode(parts: Sequence[str]) -> list[Sequence[int]]:
        found = [plain(part) for part in parts]
        others = iter(whole([part for part, pieces in zip(parts, found, strict=True) if pieces is None]))
        return [next(others) if pieces is None else pieces for pieces in found]

    return encode


def read_as_ascii(tokenizer: Tokenizer) -> dict[int, str]:
    """Return the letters outside ASCII that a tokenizer first of all replaces by ASCII ones, and by which.

    First but for steps that do nothing to a text in NFKC and lower case, as these letters are.  None if the tokenizer
    knows whole words that it looks for even before.
    """
    letters: dict[int, str] = {}
    form = json.loads(tokenizer.to_str())
    if not all(added["content"].isascii() for added in form["added_tokens"]):
        return letters
    for step in _steps(form):
        if step["type"] in _CANONICAL and not letters:
            continue
        if not (_finds_no_ascii(step) and _keeps_ascii(step)):
            break
        if re.fullmatch("[a-z]*", step["content"]):
            for letter in filter(_is_canonical, step["pattern"]["Regex"][1:-1]):
                letters.setdefault(ord(letter), step["content"])
    return letters


def _is_canonical(text: str) -> bool:
    return unicodedata.is_normalized("NFKC", text) and text == text.lower()


def for_ascii(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that does the same to ASCII text, in fewer steps where possible.

    Left out are Unicode's normal forms and replacements of characters that such text never has.  Each step costs about
    half a microsecond per part, whether it finds something or not.
    """
    form = json.loads(tokenizer.to_str())
    steps = _steps(form)
    kept = [step for step in steps if not _finds_no_ascii(step)]
    if len(kept) == len(steps) or not all(map(_keeps_ascii, kept)):
        return tokenizer
    form["normalizer"]["normalizers"] = kept
    return Tokenizer.from_str(json.dumps(form))


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
