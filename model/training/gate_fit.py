"""Fits a gate's network to the classifier's scores.  The forward pass is that of ``model.gate_net``, in floats."""

import sys
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model.gate_net import MAX_TOKENS, Weights
from model.gate_words import Ints, Reader, Token

BATCH: Final = 256
STEEPEST: Final = 127
NEAR_WEIGHT: Final = 8.0
DECISION_WEIGHT: Final = 1.0
DROPOUT: Final = 0.03
SPREAD: Final = 0.8
"""Standard deviation of a table's initial vectors."""

Vectors = NDArray[np.float32]


class Shape(NamedTuple):
    """Size of a network: token width, features, hidden units."""

    width: int = 48
    features: int = 64
    hidden: int = 32


class Lesson(NamedTuple):
    """Texts as token ids, and for each token the rows that it is the sum of."""

    rows: list[list[int]]
    grams: Ints
    counts: Ints
    starts: Ints


class Batch(NamedTuple):
    """Distinct tokens as bags of rows, and texts as tokens; 0 is padding, token ``i`` is ``i + 1``."""

    grams: Tensor
    starts: Tensor
    shares: Tensor
    """One over the root of each token's number of rows, (tokens, 1)."""
    words: Tensor


def lesson(texts: Sequence[str], reader: Reader) -> Lesson:
    """Split texts and look up their tokens."""
    parts = list(dict.fromkeys(part for text in texts for part in text.split(" ")))
    split = dict(zip(parts, reader.split(parts), strict=True))
    numbers: dict[Token, int] = {}
    rows = []
    for text in texts:
        found = [token for part in text.split(" ") for token in split[part]]
        rows.append([numbers.setdefault(token, len(numbers)) for token in found[:MAX_TOKENS]])
    grams, counts = reader.bags(list(numbers))
    return Lesson(rows, grams, counts, np.concatenate([[0], np.cumsum(counts)[:-1]]))


class Student(nn.Module):
    """A network that predicts each category's distance to its limit."""

    out: nn.Linear


def principal(vectors: Vectors, width: int) -> Vectors:
    """Return the vectors' principal components, at most ``width``, scaled for an initial table."""
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes[:width].T
    found: Vectors = (turned * (SPREAD / turned.std())).astype(np.float32)
    return found


class Learner(Student):
    """The gate's network, trainable; ``rows`` is the size of its table."""

    def __init__(self, rows: int, shape: Shape, categories: int, vectors: Vectors | None = None) -> None:
        """Start from ``vectors``, the classifier's own for the same rows, if any: it knows rare words."""
        super().__init__()
        self.shape = shape
        self.grams = nn.EmbeddingBag(rows, shape.width, mode="sum")
        nn.init.normal_(self.grams.weight, 0, 0.1)
        if vectors is not None:
            with torch.no_grad():
                self.grams.weight[:, : vectors.shape[1]] = torch.from_numpy(principal(vectors[:rows], shape.width))
        self.words = nn.Linear(shape.width, 3 * shape.features, bias=False)
        self.words_bias = nn.Parameter(torch.zeros(shape.features))
        self.hidden = nn.Linear(2 * shape.features, shape.hidden)
        self.out = nn.Linear(shape.hidden, categories)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, batch: Batch) -> Tensor:
        """Return distances to each category's limit, (texts, categories)."""
        width = self.shape.features
        meaning = self.words(self.dropout(self.grams(batch.grams, batch.starts) * batch.shares))
        said = functional.embedding(batch.words, torch.cat([torch.zeros(1, 3 * width), meaning]))
        there = batch.words > 0
        features = said[:, :, width : 2 * width].clone()
        features[:, 1:] += said[:, :-1, :width]
        features[:, :-1] += said[:, 1:, 2 * width :]
        features = torch.relu(features + self.words_bias) * there[:, :, None]
        mean = features.sum(1) / there.sum(1, keepdim=True).clamp(min=1)
        pooled = torch.cat([features.amax(1), mean], 1)
        distances: Tensor = self.out(torch.relu(self.hidden(self.dropout(pooled))))
        return distances

    def weights(self) -> Weights:
        """Return the weights as they are stored, the n-grams rounded to eight bits."""
        grams = self.grams.weight.detach().numpy()
        scale = float(np.quantile(np.abs(grams), 0.9999)) / STEEPEST
        return Weights(
            grams=np.clip(np.rint(grams / scale), -STEEPEST, STEEPEST).astype(np.int8),
            scale=scale,
            words=self.words.weight.detach().numpy(),
            words_bias=self.words_bias.detach().numpy(),
            hidden=self.hidden.weight.detach().numpy(),
            hidden_bias=self.hidden.bias.detach().numpy(),
            out=self.out.weight.detach().numpy(),
            out_bias=self.out.bias.detach().numpy(),
        )


def fit(
    learner: Student, taught: Lesson, wanted: NDArray[np.float64], *, epochs: int, seed: int, rate: float = 3e-3
) -> None:
    """Fit a network to the distances ``wanted``, (texts, categories); blocks for minutes, reports each epoch."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(learner.parameters(), lr=rate, betas=(0.9, 0.99))
    steps = epochs * -(-len(taught.rows) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _slope(step, steps))
    targets = torch.from_numpy(wanted.astype(np.float32))
    with torch.no_grad():
        learner.out.bias.copy_(targets.mean(0))
    began = time.monotonic()
    for epoch in range(epochs):
        learner.train()
        losses = []
        for places in _by_length(taught.rows, rng):
            loss = distance_loss(learner(_batch(taught, places)), targets[torch.from_numpy(places)])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        gone = time.monotonic() - began
        line = f"gate: epoch {epoch + 1}/{epochs}, loss {np.mean(losses):.4f}, {gone:.0f} s"
        print(line, file=sys.stderr, flush=True)
    learner.eval()


def predicted(learner: Student, taught: Lesson) -> NDArray[np.float64]:
    """Return each text's highest predicted distance, in floats."""
    found = []
    with torch.no_grad():
        for start in range(0, len(taught.rows), 4 * BATCH):
            places = np.arange(start, min(start + 4 * BATCH, len(taught.rows)))
            found.append(learner(_batch(taught, places)).amax(1).double().numpy())
    return np.concatenate(found)


def distance_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Weight errors by how near a text is to a limit, and by whether it is acted on at all.

    Each category's distance is fitted in the mean, and the highest one also as a decision, since only it matters.
    """
    near = 1 + NEAR_WEIGHT * torch.sigmoid(wanted + 2)
    each = (functional.smooth_l1_loss(found, wanted, reduction="none") * near).mean()
    highest = torch.sigmoid(wanted.amax(1))
    decided = functional.binary_cross_entropy_with_logits(found.amax(1), highest)
    return each + DECISION_WEIGHT * decided


def _slope(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / min(200, 1 + steps // 10)) * max(0.01, 1 - step / steps)


def _by_length(rows: Sequence[Sequence[int]], rng: np.random.Generator) -> list[Ints]:
    """Return batches in random order, each of texts of similar length."""
    shuffled = rng.permutation(len(rows))
    lengths = np.array([len(row) for row in rows])
    batches: list[Ints] = []
    for start in range(0, len(rows), 32 * BATCH):
        part = shuffled[start : start + 32 * BATCH]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches.extend(part[first : first + BATCH] for first in range(0, len(part), BATCH))
    return [batches[place] for place in rng.permutation(len(batches))]


def _batch(taught: Lesson, places: Ints) -> Batch:
    rows = [taught.rows[place] for place in places]
    used: dict[int, int] = {}
    words = np.zeros((len(rows), max(1, *map(len, rows))), dtype=np.int64)
    for number, row in enumerate(rows):
        words[number, : len(row)] = [used.setdefault(word, len(used) + 1) for word in row]
    tokens = np.array(list(used), dtype=np.int64)
    counts = taught.counts[tokens]
    starts = np.cumsum(counts) - counts
    grams = taught.grams[np.repeat(taught.starts[tokens] - starts, counts) + np.arange(int(counts.sum()))]
    shares = torch.from_numpy(1 / np.sqrt(counts)).float()[:, None]
    return Batch(torch.from_numpy(grams), torch.from_numpy(starts), shares, torch.from_numpy(words))
