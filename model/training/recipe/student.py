"""The student: the first layers of a teacher over a small vocabulary, an ordinary checkpoint of a few megabytes."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertConfig, BertForSequenceClassification

from model.training.recipe.pretrain import SPECIAL

POSITIONS: Final = 64


def start_student(
    teacher: Path,
    state: dict[str, Tensor],
    texts: Sequence[str],
    names: Sequence[str],
    *,
    layers: Sequence[int],
    vocabulary: int | None,
    seed: int,
) -> tuple[BertForSequenceClassification, Tokenizer]:
    """Return a student initialised from the given layers of a teacher's encoder, and its tokenizer.

    ``state`` has the encoder's tensors by name; ``texts`` determine which word pieces are kept, all if ``vocabulary``
    is None; ``seed`` initialises the layers that no teacher has.
    """
    torch.manual_seed(seed)
    tokenizer = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    known = tokenizer.get_vocab()
    kept = sorted(known, key=known.__getitem__) if vocabulary is None else _pieces(tokenizer, texts, vocabulary)
    config = BertConfig.from_pretrained(teacher)
    config.update(
        {
            "architectures": [BertForSequenceClassification.__name__],
            "num_hidden_layers": len(layers),
            "vocab_size": len(kept),
            "max_position_embeddings": POSITIONS,
            "id2label": dict(enumerate(names)),
            "label2id": {name: place for place, name in enumerate(names)},
            "classifier_dropout": 0.1,
        }
    )
    model = BertForSequenceClassification(config)
    old = [known[piece] for piece in kept]
    missing, _ = model.bert.load_state_dict(dict(_chosen(state, layers, old)), strict=False)
    if any(not name.startswith("pooler") for name in missing):
        raise ValueError(f"the teacher lacks {missing}")
    return model, tokenizer if vocabulary is None else _with_vocabulary(tokenizer, kept)


def _chosen(state: dict[str, Tensor], layers: Sequence[int], old: Sequence[int]) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in state.items():
        layer = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)", name)
        if layer is None:
            yield name, _cut(name, tensor, old)
        elif int(layer[1]) in layers:
            yield f"encoder.layer.{layers.index(int(layer[1]))}.{layer[2]}", tensor


def _cut(name: str, tensor: Tensor, old: Sequence[int]) -> Tensor:
    """Reduce an embedding to the smaller vocabulary and the shorter texts."""
    if name == "embeddings.word_embeddings.weight":
        return tensor[list(old)]
    return tensor[:POSITIONS] if name == "embeddings.position_embeddings.weight" else tensor


def _pieces(tokenizer: Tokenizer, texts: Sequence[str], vocabulary: int) -> list[str]:
    """Return the special pieces, every single letter, digit and sign, and the most frequent pieces of ``texts``."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    counted = Counter(piece for encoding in tokenizer.encode_batch(list(texts)) for piece in encoding.tokens)
    signs = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
    known = tokenizer.get_vocab()
    kept = dict.fromkeys([*SPECIAL, *(form for sign in signs for form in (sign, f"##{sign}") if form in known)])
    for piece, _ in counted.most_common():
        if len(kept) >= vocabulary:
            break
        kept[piece] = None
    return list(kept)


def _with_vocabulary(tokenizer: Tokenizer, kept: Sequence[str]) -> Tokenizer:
    ids = {piece: place for place, piece in enumerate(kept)}
    document = json.loads(tokenizer.to_str())
    document["model"]["vocab"] = ids
    document["padding"] = document["truncation"] = None
    document["added_tokens"] = [token | {"id": ids[token["content"]]} for token in document["added_tokens"]]
    for special in document["post_processor"]["special_tokens"].values():
        special["ids"] = [ids[token] for token in special["tokens"]]
    return Tokenizer.from_str(json.dumps(document))


def half(model: torch.nn.Module) -> dict[str, Tensor]:
    """Return the weights in half precision, as they ship."""
    return {name: tensor.detach().to(torch.float16).contiguous() for name, tensor in model.state_dict().items()}


def load_student(directory: Path) -> tuple[BertForSequenceClassification, Tokenizer]:
    """Return the student as it ships: half-precision weights, single-precision arithmetic."""
    model = BertForSequenceClassification.from_pretrained(directory, dtype=torch.float32)
    return model.eval(), Tokenizer.from_file(str(directory / "tokenizer.json"))
