"""Teachers: one encoder with a head per set, each head predicting its set's own labels.

Sets disagree on the same phrase ("ez" is implicit abuse in one game and clean in another); separate heads let the
encoder learn from all of them without contradictions.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from model.folding import install
from model.training.precision import half_where_quick
from model.training.recipe.batches import (
    Batch,
    Progress,
    batches,
    encode,
    optimiser,
    pad,
    running_average,
    warm_then_fall,
)
from model.training.recipe.lessons import Lesson, one_epoch
from model.training.recipe.plan import Start

EVERY: Final = 4
"""Steps between two updates of the averaged weights."""

Probabilities = dict[str, NDArray[np.float32]]


class Teacher(nn.Module):
    """An encoder, pooled three ways (first piece, mean, maximum), with one linear head per set."""

    def __init__(self, encoder: BertModel, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(0.15)
        width = 3 * encoder.config.hidden_size
        self.heads = nn.ModuleDict({head: nn.Linear(width, size) for head, size in sizes.items()})

    def forward(self, batch: Batch) -> Tensor:
        """Return features, (rows, 3 · hidden)."""
        hidden = self.encoder(batch.ids, attention_mask=batch.mask).last_hidden_state
        mask = batch.mask.unsqueeze(-1)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        highest = hidden.masked_fill(mask == 0, -1e4).amax(1)
        features: Tensor = self.dropout(torch.cat([hidden[:, 0], mean, highest], 1))
        return features


def train_teacher(
    start: Path,
    by_source: Mapping[str, Sequence[Lesson]],
    lent: Sequence[Lesson],
    out: Path,
    how: Start,
    *,
    lr: float = 1e-4,
    size: int = 64,
    decay: float = 0.992,
) -> None:
    """Fine-tune from the checkpoint ``start`` and write the averaged weights to ``out``; blocks for minutes."""
    torch.manual_seed(how.seed)
    rng = np.random.default_rng(how.seed)
    model, tokenizer = _started(start, by_source, how.frozen)
    optimizer = optimiser(model, lr, head_lr=1e-3)
    steps = how.epochs * -(-len(one_epoch(by_source, lent, np.random.default_rng(0))) // size)
    schedule = warm_then_fall(optimizer, steps)
    average = running_average(model, decay)
    progress = Progress(out.name, steps)
    for _ in range(how.epochs):
        lessons = one_epoch(by_source, lent, rng)
        ids = encode(tokenizer, [lesson.text for lesson in lessons])
        model.train()
        for batch in batches(ids, size, rng):
            loss = _loss(model, batch, [lessons[row] for row in batch.rows.tolist()])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            if progress.done % EVERY == 0:
                average.update_parameters(model)
            progress.step(loss.item())
    _save(tokenizer, average.module, out)


def _started(checkpoint: Path, by_source: Mapping[str, Sequence[Lesson]], frozen: int) -> tuple[Teacher, Tokenizer]:
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    if isinstance(tokenizer.model, WordPiece):
        install(tokenizer)
    encoder = BertModel.from_pretrained(checkpoint, add_pooling_layer=False, attn_implementation="sdpa")
    encoder.embeddings.word_embeddings.requires_grad_(requires_grad=False)
    freeze(encoder, frozen)
    return Teacher(encoder, {source: len(lessons[0].wanted) for source, lessons in by_source.items()}), tokenizer


def freeze(encoder: BertModel, lowest: int) -> None:
    """Let the ``lowest`` layers and the embeddings under them learn nothing; 0 for none."""
    for layer in (encoder.embeddings, *encoder.encoder.layer[:lowest]) if lowest else ():
        layer.requires_grad_(requires_grad=False)


def _save(tokenizer: Tokenizer, model: nn.Module, out: Path) -> None:
    cast("Teacher", model).encoder.config.save_pretrained(out)
    tokenizer.no_truncation()
    tokenizer.save(str(out / "tokenizer.json"))
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, out / "teacher.safetensors")


def _loss(model: Teacher, batch: Batch, lessons: Sequence[Lesson]) -> Tensor:
    with half_where_quick():
        features = model(batch)
    total, weights = torch.zeros(()), 0.0
    for head in sorted({lesson.head for lesson in lessons}):
        rows = [row for row, lesson in enumerate(lessons) if lesson.head == head]
        wanted = torch.from_numpy(np.stack([lessons[row].wanted for row in rows]))
        weight = torch.tensor([lessons[row].weight for row in rows])
        logits = model.heads[head](features[rows].float())
        each = nn.functional.cross_entropy(logits, wanted, reduction="none", label_smoothing=0.03)
        total = total + (each * weight).sum()
        weights += float(weight.sum())
    return total / weights


def ask_teacher(directory: Path, texts: Sequence[str], *, size: int = 256) -> Probabilities:
    """Return each head's probabilities, (texts, labels), of a teacher written by ``train_teacher``."""
    state = load_file(directory / "teacher.safetensors")
    sizes = {
        name.split(".")[1]: len(value)
        for name, value in state.items()
        if name.startswith("heads.") and name.endswith("bias")
    }
    encoder = BertModel(BertConfig.from_pretrained(directory), add_pooling_layer=False)
    model = Teacher(encoder, sizes)
    model.load_state_dict(state)
    model.eval()
    ids = encode(Tokenizer.from_file(str(directory / "tokenizer.json")), texts)
    answers = {head: np.zeros((len(texts), width), dtype=np.float32) for head, width in sizes.items()}
    order = np.argsort([len(row) for row in ids], kind="stable")
    with torch.inference_mode(), half_where_quick():
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            features = model(pad(ids, rows))
            for head, answer in answers.items():
                answer[rows] = model.heads[head](features).float().softmax(-1).numpy()
    return answers
