"""Distillation: the student learns the ensemble's blended scores of labelled, raw and invented chat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
from transformers import BertForSequenceClassification

from model.normalise import canonical
from model.training.augment import disguise
from model.training.precision import half_where_quick
from model.training.recipe.batches import Progress, batches, encode, optimiser, pad, running_average, warm_then_fall
from model.training.sources import Example

Floats = NDArray[np.float32]

DISGUISED: Final = 0.4


@dataclass(frozen=True, slots=True)
class Pool:
    """The student's training data: texts, target distributions (texts, categories), weights."""

    texts: list[str]
    wanted: Floats
    weights: Floats


def distil(
    model: BertForSequenceClassification,
    tokenizer: Tokenizer,
    pool: Pool,
    *,
    epochs: int,
    seed: int,
    after_epoch: Callable[[nn.Module, int], None],
    lr: float,
    size: int = 64,
    decay: float = 0.999,
) -> None:
    """Train ``model`` on the pool; ``after_epoch`` is called with the averaged model each time.  Blocks for minutes."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimizer = optimiser(model, lr, head_lr=1e-3)
    steps = epochs * -(-len(pool.texts) // size)
    schedule = warm_then_fall(optimizer, steps)
    average = running_average(model, decay)
    progress = Progress("distil", steps)
    wanted, weights = torch.from_numpy(pool.wanted), torch.from_numpy(pool.weights)
    for epoch in range(epochs):
        ids = encode(tokenizer, _disguised(pool.texts, rng))
        model.train()
        for batch in batches(ids, size, rng):
            with half_where_quick():
                logits = model(batch.ids, attention_mask=batch.mask).logits.float()
            each = nn.functional.cross_entropy(logits, wanted[batch.rows], reduction="none")
            loss = (each * weights[batch.rows]).sum() / weights[batch.rows].sum()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            average.update_parameters(model)
            progress.step(loss.item())
        after_epoch(average.module, epoch)


def ask_student(model: nn.Module, tokenizer: Tokenizer, texts: Sequence[str], size: int = 256) -> Floats:
    """Return the student's logits, (texts, categories), in single precision."""
    ids = encode(tokenizer, texts)
    order = np.argsort([len(row) for row in ids], kind="stable")
    answer: Floats | None = None
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            batch = pad(ids, rows)
            logits = model(batch.ids, attention_mask=batch.mask).logits.numpy()
            answer = np.zeros((len(texts), logits.shape[1]), dtype=np.float32) if answer is None else answer
            answer[rows] = logits
    model.train(was_training)
    if answer is None:
        raise ValueError("no texts to ask about")
    return answer


def games_logits(model: nn.Module, tokenizer: Tokenizer, side: Mapping[str, Sequence[Example]]) -> dict[str, Floats]:
    """Return the logits of both games' held-out examples."""
    return {
        game: ask_student(model, tokenizer, [example.text for example in side[game]]) for game in ("gametox", "conda")
    }


def _disguised(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    return [
        (canonical(disguise(text, rng, share=float(rng.uniform(0.2, 1.0)))) or text)
        if rng.random() < DISGUISED
        else text
        for text in texts
    ]
