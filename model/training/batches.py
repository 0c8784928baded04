"""Rows and batches for the Trainer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from model.normalise import canonical
from model.training.augment import disguise
from model.training.metrics import Flags, Floats

Row = dict[str, Any]


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

    def __getitem__(self, index: int) -> Row:
        text = self._texts[index]
        if self._disguised and float(torch.rand(())) < self._disguised:
            generator = np.random.default_rng(int(torch.randint(2**31, ())))
            text = canonical(disguise(text, generator)) or text
        return {"text": text, "labels": self._allowed[index], "weight": self._weights[index]}


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
