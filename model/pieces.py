"""The bundle's tokenizer: canonical texts to the numbers of word pieces."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from model.bundle import Bundle
from model.errors import BundleError
from model.gate_words import Pieces
from model.vetting import CONFIG, TOKENIZER


def load_tokenizer(bundle: Bundle) -> Tokenizer:
    """Read the tokenizer; it neither pads nor truncates.  Blocks on the disk.

    Raises:
        BundleError: it is no tokenizer, or has more pieces than the network.
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
    """Return the bundle's tokenizer as the gate reads by it.  Blocks and raises as ``load_tokenizer``."""
    tokenizer = load_tokenizer(bundle)

    def encode(parts: Sequence[str]) -> list[Sequence[int]]:
        return [found.ids for found in tokenizer.encode_batch(list(parts), add_special_tokens=False)]

    return Pieces(encode, tokenizer.get_vocab_size())
