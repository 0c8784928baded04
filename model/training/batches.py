"""Rows and batches for the Trainer."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler
from transformers import PreTrainedTokenizerBase

from model.normalise import canonical
from model.training.augment import disguise
from model.training.metrics import Flags, Floats

Row = dict[str, Any]

MIXED: Final = 0.2
"""Share by which a length counts as more or less, anew in each epoch."""

POOLED: Final = 50
"""Maximum batches whose rows are drawn together and then sorted by length; at least four such pools to an epoch.

Where length goes with a label, batches of one length are one-sided: fewer, smaller pools keep few lines mixed.
"""


class Rows(Dataset[Row]):
    """Texts with their allowed outputs and weights.

    A share of the texts is disguised anew on every access, from torch's random state, which the Trainer seeds and
    restores when it resumes.
    """

    def __init__(self, texts: Sequence[str], allowed: Flags, weights: Floats, disguised: float) -> None:
        self._texts = texts
        self._allowed = allowed
        self._weights = weights
        self._disguised = disguised

    def __len__(self) -> int:
        return len(self._texts)

    @property
    def lengths(self) -> list[int]:
        """Characters of each text."""
        return [len(text) for text in self._texts]

    def __getitem__(self, index: int) -> Row:
        text = self._texts[index]
        if self._disguised and float(torch.rand(())) < self._disguised:
            generator = np.random.default_rng(int(torch.randint(2**31, ())))
            text = canonical(disguise(text, generator)) or text
        return {"text": text, "labels": self._allowed[index], "weight": self._weights[index]}


class ByLength(Sampler[int]):
    """Draws every row once per epoch, rows of similar length beside each other, so that batches have little padding.

    The order depends only on the seed and the epoch, so a resumed run continues with the same batches.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = np.asarray(lengths)
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; the Trainer calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self._seed, self._epoch])
        drawn = generator.permutation(len(self))
        # Nearly equal lengths are mixed, so that copies of a repeated line part.
        roughly = self._lengths * generator.uniform(1 - MIXED, 1 + MIXED, len(self))
        pool = self._batch * max(1, min(POOLED, len(drawn) // (4 * self._batch)))
        whole = len(drawn) - len(drawn) % self._batch
        batches: list[np.ndarray[Any, Any]] = []
        for start in range(0, whole, pool):
            rows = drawn[start : min(start + pool, whole)]
            rows = rows[np.argsort(roughly[rows], kind="stable")]
            batches += np.split(rows, len(rows) // self._batch)
        for place in generator.permutation(len(batches)):
            yield from batches[place].tolist()
        yield from drawn[whole:].tolist()


class Collator:
    """Tokenises and pads a batch."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens

    def __call__(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Return ids and mask, [rows, tokens], labels, [rows, outputs], and weights, [rows]."""
        encoded = self._tokenizer(
            [row["text"] for row in rows],
            truncation=True,
            max_length=self._max_tokens,
            padding=True,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        batch = {name: tensor for name, tensor in encoded.items() if name in ("input_ids", "attention_mask")}
        batch["labels"] = torch.from_numpy(np.stack([row["labels"] for row in rows]))
        batch["weight"] = torch.tensor([row["weight"] for row in rows], dtype=torch.float32)
        return batch
