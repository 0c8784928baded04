"""Length-bucketed batches of token ids, the optimiser and its schedule, shared by all stages of the recipe."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

MAX_TOKENS: Final = 40


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one step: ``rows`` index the texts; ``ids`` and ``mask`` are (rows, tokens)."""

    rows: Tensor
    ids: Tensor
    mask: Tensor


def piece(tokenizer: Tokenizer, name: str) -> int:
    """Return the id of a special piece.

    Raises:
        KeyError: the vocabulary lacks it.
    """
    found = tokenizer.token_to_id(name)
    if found is None:
        raise KeyError(f"the tokenizer has no {name}")
    return int(found)


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return the token ids of each text, cut to ``MAX_TOKENS``; the tokenizer must not pad."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def batches(ids: Sequence[Sequence[int]], size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield every row once, rows of similar length together, the batches in random order."""
    lengths = np.array([len(row) for row in ids])
    order = np.lexsort((rng.random(len(ids)), lengths))
    starts = np.arange(0, len(ids), size)
    rng.shuffle(starts)
    for start in starts:
        yield pad(ids, order[start : start + size])


def pad(ids: Sequence[Sequence[int]], rows: Iterable[int]) -> Batch:
    """Return the batch of the given rows, padded with 0."""
    rows = np.fromiter(rows, dtype=np.int64)
    width = max(len(ids[row]) for row in rows)
    padded = np.zeros((len(rows), width), dtype=np.int64)
    for place, row in enumerate(rows):
        padded[place, : len(ids[row])] = ids[row]
    tensor = torch.from_numpy(padded)
    return Batch(torch.from_numpy(rows), tensor, (tensor != 0).long())


def optimiser(model: nn.Module, lr: float, head_lr: float | None = None) -> torch.optim.AdamW:
    """Return AdamW without decay on biases and norms; parameters named ``heads`` get ``head_lr``."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decay = 0.0 if parameter.ndim < 2 else 0.01
        rate = head_lr if head_lr is not None and name.startswith(("heads", "classifier")) else lr
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in groups.items()],
        betas=(0.9, 0.98),
        eps=1e-6,
    )


def warm_then_fall(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Return the schedule: warm-up for 6 % of the steps, then linear decay to a twentieth of the peak."""
    warm = max(1, round(0.06 * steps))

    def factor(step: int) -> float:
        return min((step + 1) / warm, max(0.05, (steps - step) / max(1, steps - warm)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def running_average(model: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of ``model`` that tracks it with an exponential moving average, faster at first."""

    def follow(averages: Iterable[Tensor], values: Iterable[Tensor], count: Tensor | int) -> None:
        kept = min(decay, (1 + int(count)) / (10 + int(count)))
        for average, value in zip(averages, values, strict=True):
            average.lerp_(value, 1 - kept)

    return AveragedModel(model, multi_avg_fn=follow)


@dataclass(slots=True)
class Progress:
    """Reports a stage's progress on stderr every few seconds."""

    stage: str
    total: int
    every: float = 15.0
    done: int = 0
    loss: float = 0.0
    started: float = field(default_factory=time.monotonic)
    said: float = 0.0

    def step(self, loss: float) -> None:
        """Count one step and its loss."""
        self.done += 1
        self.loss = loss if self.done == 1 else 0.98 * self.loss + 0.02 * loss
        now = time.monotonic()
        if now - self.said >= self.every or self.done == self.total:
            self.said = now
            spent = now - self.started
            left = spent / self.done * (self.total - self.done)
            print(
                f"{self.stage}: {self.done}/{self.total} steps, loss {self.loss:.4f}, "
                f"{spent:.0f} s gone, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
