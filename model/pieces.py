"""The bundle's tokenizer: canonical texts to piece ids."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from tokenizers import Tokenizer

from model.bundle import Bundle
from model.encoding import for_ascii, is_canonical, read_as_ascii
from model.errors import BundleError
from model.gate_words import Pieces
from model.vetting import CONFIG, TOKENIZER

Encode = Callable[[Sequence[str]], list[Sequence[int]]]

_PLAIN: Final = re.compile(r"([a-z]+[0-9]*|[0-9]+[a-z]*)?([!?.,:;]*)")
_DRAWN_OUT: Final = re.compile(r"([^0-9])\1\1")
_ENDINGS: Final = ("", "!", "?", ".", ",", ":", ";", "?!", "..", "1", "50", "4.")
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
        if letters and not part.isascii() and is_canonical(part):
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
