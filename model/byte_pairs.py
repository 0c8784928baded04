"""Fast tokenizers for checkpoints that have none: BERTweet and PhoBERT, whose byte pairs come as ``bpe.codes``.

A bundle has one ``tokenizer.json``, read by one fast library.  Their vocabularies mark pieces that continue (``no@@``);
that library marks pieces that end a word (``ob</w>``).  The two name the same pieces.

Needs transformers; scoring does not.
"""

import logging
from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from model.errors import BundleError

if TYPE_CHECKING:
    from torch.nn import Embedding
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

GOES_ON: Final = "@@"
ENDS: Final = "</w>"


def with_fast_tokenizer(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedTokenizerBase":
    """Return a fast tokenizer equivalent to ``tokenizer``, which may be itself.

    An intermediate merge need not be a piece that the network knows.  Each such merge gets an id of its own, and
    ``model`` a row for it that is a copy of the unknown piece's, as the slow tokenizer treats it.

    Raises:
        BundleError: the tokenizer is slow and of a kind that is not converted.
    """
    if tokenizer.is_fast:
        return tokenizer
    from transformers import BertweetTokenizer, PhobertTokenizer, PreTrainedTokenizerFast

    if not isinstance(tokenizer, BertweetTokenizer | PhobertTokenizer):
        raise BundleError(f"{type(tokenizer).__name__} has no tokenizer.json; convert it to a fast tokenizer first")
    if getattr(tokenizer, "normalization", False):
        log.warning("BERTweet's own spelling of users, links and emoji is left out: text is read in its canonical form")
    known = _table(model).num_embeddings
    reading = _reading(tokenizer, known)
    _grow(model, rows=max(known, 1 + max(reading.get_vocab().values())), like=_number(tokenizer.unk_token_id))
    special = {name: str(text) for name, text in tokenizer.special_tokens_map.items() if isinstance(text, str)}
    fast: PreTrainedTokenizerBase = PreTrainedTokenizerFast(
        tokenizer_object=reading, model_max_length=tokenizer.model_max_length, **special
    )
    return fast


def _reading(slow: Any, known: int) -> Tokenizer:
    """Return the tokenizer; merges without a piece in the slow one are numbered from ``known``."""
    special = dict(zip(slow.all_special_tokens, slow.all_special_ids, strict=True))
    pieces, merges = special | _pieces(slow.encoder, special), list(slow.bpe_ranks)
    for step in dict.fromkeys(part for merge in merges for part in (*merge, "".join(merge))):
        if step not in pieces:
            pieces[step] = known
            known += 1
    reading = Tokenizer(BPE(pieces, merges, unk_token=slow.unk_token, end_of_word_suffix=ENDS, fuse_unk=False))
    reading.pre_tokenizer = WhitespaceSplit()
    reading.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    first, last = (slow.cls_token, slow.cls_token_id), (slow.sep_token, slow.sep_token_id)
    reading.post_processor = TemplateProcessing(single=f"{first[0]} $A {last[0]}", special_tokens=[first, last])
    return reading


def _pieces(encoder: Mapping[str, int], special: Container[str]) -> dict[str, int]:
    """Return the vocabulary with word ends marked instead of continuations."""
    return {
        piece.removesuffix(GOES_ON) if piece.endswith(GOES_ON) and piece != GOES_ON else piece + ENDS: number
        for piece, number in encoder.items()
        if piece not in special
    }


def _grow(model: "PreTrainedModel", rows: int, like: int) -> None:
    import torch

    table = _table(model)
    had = table.num_embeddings
    if rows <= had:
        return
    unknown = table.weight[like].detach().clone()
    model.resize_token_embeddings(rows, mean_resizing=False)
    with torch.no_grad():
        _table(model).weight[had:] = unknown


def _table(model: "PreTrainedModel") -> "Embedding":
    return cast("Embedding", model.get_input_embeddings())


def _number(found: int | list[int] | None) -> int:
    if not isinstance(found, int):
        raise BundleError(f"the tokenizer's unknown piece is {found!r}; give it one")
    return found
