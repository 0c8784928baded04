"""Adapt a pre-trained encoder to game chat: masked language modelling on the raw lines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertForMaskedLM

from model.folding import install
from model.training.precision import half_where_quick
from model.training.recipe.batches import Progress, batches, encode, optimiser, piece, warm_then_fall

MASKED: Final = 0.15
SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def adapt(
    base: Path, texts: Sequence[str], out: Path, *, epochs: int, seed: int, size: int = 96, lr: float = 3e-4
) -> None:
    """Write the encoder and tokenizer of ``base`` after ``epochs`` over ``texts`` to ``out``; blocks for minutes."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    tokenizer = install(Tokenizer.from_file(str(base / "tokenizer.json")))
    model = BertForMaskedLM.from_pretrained(base, attn_implementation="sdpa")
    _start_head_as_identity(model)
    ids = encode(tokenizer, texts)
    steps = epochs * -(-len(ids) // size)
    optimizer = optimiser(model, lr)
    schedule = warm_then_fall(optimizer, steps)
    progress = Progress("adapt", steps)
    model.train()
    for batch in (batch for _ in range(epochs) for batch in batches(ids, size, rng)):
        corrupted, targets = _mask(batch.ids, tokenizer, rng)
        with half_where_quick():
            hidden = model.bert(corrupted, attention_mask=batch.mask).last_hidden_state
            chosen = targets >= 0
            logits = model.cls(hidden[chosen])
        loss = nn.functional.cross_entropy(logits.float(), targets[chosen])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        progress.step(loss.item())
    model.save_pretrained(out)
    tokenizer.no_truncation()
    tokenizer.save(str(out / "tokenizer.json"))


def _start_head_as_identity(model: BertForMaskedLM) -> None:
    """A sentence encoder ships without its language-model head; start from an identity head."""
    dense = model.cls.predictions.transform.dense
    nn.init.eye_(dense.weight)
    nn.init.zeros_(dense.bias)


def _mask(ids: Tensor, tokenizer: Tokenizer, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return ids with 15 % of the pieces hidden (80 % masked, 10 % random, 10 % kept), and the targets, -1 elsewhere.

    Source: Devlin et al. 2019 (BERT), section 3.1.
    """
    special = [piece(tokenizer, token) for token in SPECIAL]
    open_to_it = ~torch.isin(ids, torch.tensor(special))
    draw = torch.from_numpy(rng.random(ids.shape))
    chosen = open_to_it & (draw < MASKED)
    if not bool(chosen.any()):
        chosen[:, 1] = True
    targets = torch.where(chosen, ids, -1)
    how = torch.from_numpy(rng.random(ids.shape))
    corrupted = torch.where(chosen & (how < 0.8), piece(tokenizer, "[MASK]"), ids)
    stranger = torch.from_numpy(rng.integers(max(special) + 1, tokenizer.get_vocab_size(), ids.shape))
    return torch.where(chosen & (how >= 0.9), stranger, corrupted), targets
