"""Mend how a finished bundle reads the names of groups: ``python -m model.training.recipe.mend``.

A network that learned from game chat may take "russian" by itself for abuse, if it seldom stands in anything else
there.  Only the embeddings of such words learn here, from lines of our own and from what the bundle said before of all
other texts with them; a text without them keeps its scores to the bit.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import BertForSequenceClassification

from model.bundle import Bundle, Description, load_bundle, write_bundle
from model.errors import ModelError, WorkshopError
from model.training.recipe import card
from model.training.recipe.batches import Progress, batches, encode
from model.training.recipe.choose import probabilities
from model.training.recipe.corpus import SEED, Corpus, read_corpus
from model.training.recipe.distil import Pool, ask_student
from model.training.recipe.measure import Figures
from model.training.recipe.own import group_lines, group_words
from model.training.recipe.plan import fingerprint
from model.training.recipe.ship import Ask, as_shown, compared, figures_of, in_every_reading, suggested
from model.training.recipe.student import half, load_student
from model.training.sources import Example
from model.training.splits import without
from model.vetting import MODEL_CARD

Floats = NDArray[np.float32]
T = TypeVar("T")

USAGE: Final = 2
EACH: Final = 2_500
"""Hateful lines that name a group; three times as many harmless ones."""

TRUST: Final = 0.9
"""How far an own line's category moves what the bundle said of it."""

RATE: Final = 2e-3
EPOCHS: Final = 3
SIZE: Final = 64
CARED_FOR: Final = ("gametox", "conda", "olid", "jigsaw", "hatemoji", "surge", "davidson")
"""Sets whose texts, beside raw chat, shall be read as before."""


@dataclass(frozen=True, slots=True)
class Mended:
    """A network, its tokenizer, and how many own lines it learned from."""

    model: BertForSequenceClassification
    tokenizer: Tokenizer
    lines: int


def mend(bundle: Path, data: Path, out: Path, *, resamples: int = 1_000) -> Path:
    """Write the mended bundle to ``out``, which appears once it is complete, and return it; blocks for minutes.

    Thresholds, temperature and gate are the given bundle's; figures and card are new.

    Raises:
        BundleError: the bundle cannot be used.
        SourceError, LeakError: the data cannot be used.
        WorkshopError: the bundle was made from other data, ``out`` exists, or the vocabulary has none of the words.
    """
    before = load_bundle(bundle)
    if before.manifest.training.get("data") != fingerprint(data):
        raise WorkshopError(f"{bundle} was made from other data than {data}, or not by the recipe")
    if out.exists():
        raise WorkshopError(f"{out} exists; give a new directory")
    corpus = read_corpus(data)
    mended = mended_network(before, corpus)
    partial = out.with_name(f"{out.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(bundle, partial)
    save_file(half(mended.model), partial / "model.safetensors", metadata={"format": "pt"})
    _describe(before, mended, corpus, partial, resamples)
    return partial.rename(out)


def mended_network(bundle: Bundle, corpus: Corpus) -> Mended:
    """Return the bundle's network after the embeddings of the words for groups have learned.

    Raises:
        WorkshopError: its vocabulary has none of these words.
    """
    model, tokenizer = load_student(bundle.path)
    rows = _rows(tokenizer)
    if not rows:
        raise WorkshopError(f"{bundle.path}: no word for a group is a piece of the vocabulary")
    held_back = [example for side in (corpus.dev, corpus.test) for part in side.values() for example in part]
    lines = without(group_lines(EACH, np.random.default_rng(SEED)), held_back)
    own = _naming(tokenizer, rows, {line.text: line for line in [*lines, *corpus.train["own"]]})
    others = {example.text: None for name in CARED_FOR for example in corpus.train[name]} | dict.fromkeys(corpus.raw)
    kept = [text for text in _naming(tokenizer, rows, others) if text not in own]
    categories = list(bundle.manifest.labels.values())
    _learn(model, tokenizer, rows, _pool(model, tokenizer, own, kept, categories))
    return Mended(model, tokenizer, len(lines))


def _rows(tokenizer: Tokenizer) -> list[int]:
    """Return the pieces of the words for groups that are one piece."""
    tokenizer.no_truncation()
    found = [tokenizer.encode(word, add_special_tokens=False).ids for word in group_words()]
    return sorted({ids[0] for ids in found if len(ids) == 1})


def _naming(tokenizer: Tokenizer, rows: Sequence[int], texts: dict[str, T]) -> dict[str, T]:
    """Return those of ``texts`` that have one of the pieces ``rows``."""
    wanted, ids = set(rows), encode(tokenizer, list(texts))
    return {
        text: told for (text, told), pieces in zip(texts.items(), ids, strict=True) if not wanted.isdisjoint(pieces)
    }


def _pool(
    model: BertForSequenceClassification,
    tokenizer: Tokenizer,
    own: dict[str, Example],
    kept: Sequence[str],
    categories: Sequence[str | None],
) -> Pool:
    """Return the texts with what the network shall say: of other texts what it says now."""
    texts = [*own, *kept]
    wanted = probabilities(ask_student(model, tokenizer, texts))
    for row, example in enumerate(own.values()):
        meant = np.array([category in example.labels for category in categories])
        said = np.where(meant, wanted[row] + 1e-4, 0)
        wanted[row] = (1 - TRUST) * wanted[row] + TRUST * said / said.sum()
    return Pool(texts, wanted, np.ones(len(texts), dtype=np.float32))


def _learn(model: BertForSequenceClassification, tokenizer: Tokenizer, rows: Sequence[int], pool: Pool) -> None:
    rng, ids = np.random.default_rng(SEED), encode(tokenizer, pool.texts)
    wanted = torch.from_numpy(pool.wanted)
    words = model.bert.embeddings.word_embeddings.weight
    for parameter in model.parameters():
        parameter.requires_grad_(parameter is words)
    learning = torch.zeros(len(words), 1)
    learning[list(rows)] = 1
    optimizer = torch.optim.Adam([words], lr=RATE)
    steps = EPOCHS * -(-len(ids) // SIZE)
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
    progress = Progress("mend", steps)
    model.eval()
    for _ in range(EPOCHS):
        for batch in batches(ids, SIZE, rng):
            logits = model(batch.ids, attention_mask=batch.mask).logits
            loss = torch.nn.functional.cross_entropy(logits, wanted[batch.rows])
            loss.backward()
            # Rows without a gradient stay as they are: Adam has no momentum for them, and nothing decays.
            words.grad = words.grad * learning if words.grad is not None else None
            optimizer.step()
            falling.step()
            optimizer.zero_grad()
            progress.step(loss.item())


def _describe(before: Bundle, mended: Mended, corpus: Corpus, out: Path, resamples: int) -> None:
    """Measure the mended network on the test, and write card and manifest."""
    described = before.manifest.model_dump(exclude={"files", "format"})
    others = compared(before.manifest.metrics)
    ask = _ask(mended, before)
    _, acting = suggested(ask, corpus)
    thresholds = before.manifest.thresholds
    figures = figures_of(in_every_reading(ask), corpus.test, thresholds, threshold=acting, resamples=resamples)
    rounded: Figures = {name: round(value, 4) for name, value in figures.items()}
    facts = _facts(before, mended)
    (out / MODEL_CARD).write_text(card.write(rounded, others, facts), encoding="utf-8")
    training = {**facts, "licences": dict(card.LICENCES)}
    metrics = rounded | as_shown(others)
    write_bundle(out, Description.model_validate({**described, "metrics": metrics, "training": training}))


def _ask(mended: Mended, bundle: Bundle) -> Ask:
    manifest = bundle.manifest

    def ask(texts: Sequence[str]) -> dict[str, Floats]:
        shares = probabilities(ask_student(mended.model, mended.tokenizer, texts) / np.float32(manifest.temperature))
        scores: dict[str, Floats] = {}
        for column, category in enumerate(manifest.labels.values()):
            if category is not None:
                scores[category] = scores.get(category, np.float32(0)) + shares[:, column]
        return scores

    return ask


def _facts(before: Bundle, mended: Mended) -> dict[str, JsonValue]:
    facts = {name: value for name, value in before.manifest.training.items() if name != "licences"}
    sources = facts["sources"]
    if not isinstance(sources, dict):
        raise WorkshopError(f"{before.path}: the manifest does not say how many lines each set has")
    facts["sources"] = {**sources, "groups": mended.lines}
    return facts | {"recipe": "python -m model.training.recipe && python -m model.training.recipe.mend"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit code 0 if the bundle is written, 2 if bundle or data cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m model.training.recipe.mend", description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="bundle that the recipe made")
    parser.add_argument("--data", type=Path, required=True, help="directory with the files of the public sets")
    parser.add_argument("--out", type=Path, required=True, help="new directory for the mended bundle")
    given = parser.parse_args(arguments)
    try:
        print(mend(given.bundle, given.data, given.out))
    except ModelError as exc:
        print(exc, file=sys.stderr)
        return USAGE
    return 0


if __name__ == "__main__":
    sys.exit(main())
