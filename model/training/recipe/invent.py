"""More chat for distillation: real lines with some words replaced by the adapted language model.

Source: the data augmentation of TinyBERT (Jiao et al. 2020, section 4.2), with sampled instead of best pieces.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertForMaskedLM

from model.normalise import canonical
from model.training.labels import LabelMaps
from model.training.precision import half_where_quick
from model.training.recipe.batches import Progress, encode, pad, piece
from model.training.recipe.lessons import Lesson, heads_of
from model.training.recipe.pretrain import SPECIAL

EXCHANGED: Final = 0.3
CANDIDATES: Final = 30
COPIES: Final[Mapping[str, int]] = {"profanity": 3, "hate": 8, "threat": 15, "extremism": 15, "taunt": 3, "insult": 2}
"""Variants made of a line, by its category; one for the others."""


def often(lessons: Sequence[Lesson], maps: LabelMaps, head: str) -> list[str]:
    """Return the texts of a game's lessons, repeating those of rare categories."""
    meanings = list(heads_of(maps)[head].labels.values())
    return [lesson.text for lesson in lessons for _ in range(COPIES.get(meanings[int(lesson.wanted.argmax())][0], 1))]


def invent(adapted: Path, texts: Sequence[str], seed: int, size: int = 192) -> list[str]:
    """Return a varied copy of each text; blocks for minutes."""
    rng, torch_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    tokenizer = Tokenizer.from_file(str(adapted / "tokenizer.json"))
    model = BertForMaskedLM.from_pretrained(adapted, attn_implementation="sdpa").eval()
    ids = encode(tokenizer, texts)
    ordinary = max(piece(tokenizer, token) for token in SPECIAL)
    order = np.argsort([len(row) for row in ids], kind="stable")
    invented = list(texts)
    progress = Progress("invent", -(-len(order) // size))
    for start in range(0, len(order), size):
        batch = pad(ids, order[start : start + size])
        chosen = torch.from_numpy(rng.random(batch.ids.shape) < EXCHANGED) & (batch.ids > ordinary)
        filled = batch.ids.masked_fill(chosen, piece(tokenizer, "[MASK]"))
        if bool(chosen.any()):
            filled[chosen] = _sample(model, filled, batch.mask, chosen, torch_rng)
        for row, pieces in zip(batch.rows.tolist(), filled.tolist(), strict=True):
            invented[row] = canonical(tokenizer.decode(pieces)) or texts[row]
        progress.step(0.0)
    return invented


def _sample(
    model: BertForMaskedLM, ids: torch.Tensor, mask: torch.Tensor, chosen: torch.Tensor, rng: torch.Generator
) -> torch.Tensor:
    with torch.inference_mode(), half_where_quick():
        hidden = model.bert(ids, attention_mask=mask).last_hidden_state
        best = model.cls(hidden[chosen]).float().topk(CANDIDATES)
    draw = torch.multinomial(best.values.softmax(-1), 1, generator=rng)
    sampled: torch.Tensor = best.indices.gather(1, draw).squeeze(1)
    return sampled
