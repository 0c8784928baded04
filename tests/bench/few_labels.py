"""Few labels of a game that the base has never seen: ``python -m tests.bench.few_labels --data DIR --out DIR``.

Makes a base of the shipped network's size out of every public set but GameTox, then trains it on ever more GameTox
lines: once from the base as a bundle, so that its head is continued, once from the same weights with a new head.
Measured on the recipe's held-out GameTox lines, beside the base as it is and a linear baseline of the same lines.
Needs ``requirements/recipe.txt``; a quarter of an hour for the base, seconds to minutes for each training, half an hour
for all lines, on one slow core.
"""

import argparse
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors.torch import load_file

from model.bundle import Description
from model.checkpoint import save_bundle
from model.training.base import load_base
from model.training.calibrate import fit_temperature, softmax
from model.training.data import Labelled, bind
from model.training.few_shot import drawn
from model.training.floor import fit_floor
from model.training.heads import known_by
from model.training.labels import LabelMaps
from model.training.metrics import Floats, auc, average_precision, calibration_error, classes_of, macro_f1, recall_at
from model.training.outputs import outputs_for
from model.training.recipe.bases import minilm
from model.training.recipe.corpus import Corpus, read_corpus
from model.training.recipe.plan import Plan, trained_categories
from model.training.recipe.student import start_student
from model.training.settings import TrainingSettings
from model.training.sources import Example
from model.training.splits import without
from model.training.train import Trained, predict, train
from model.vetting import MANIFEST

MOST: Final = {"olid": 4_000, "davidson": 1_000, "jigsaw": 4_000, "hatemoji": 2_000, "madlibs": 1_500}
"""Lines of the sets that are not games; the others are used in full."""

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Game:
    """Own lines to draw from, and the held-out ones."""

    own: Labelled
    test: Labelled
    maps: LabelMaps

    def row(self, scores: Floats) -> Row:
        """Measure scores of the held-out lines, [lines, categories]."""
        classes = classes_of(self.test.targets, self.maps.taxonomy)
        toxic, ranked = classes.toxic, classes.toxic_scores(scores)
        return {
            "AUC": auc(toxic, ranked),
            "average precision": average_precision(toxic, ranked),
            "recall at precision .90": recall_at(0.9, toxic, ranked),
            "macro F1": macro_f1(classes.truth, classes.scores(scores).argmax(axis=1)),
            "calibration error": calibration_error(toxic, ranked),
        }


def main() -> None:
    """Print one table: sizes and ways to start by figures, mean and range over the draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for the base, which is made once")
    parser.add_argument("--sizes", default="100,300,1000,3000", help="own labels, comma-separated; 0 for all")
    parser.add_argument("--draws", type=int, default=3, help="draws of each size (all lines: one)")
    given = parser.parse_args()
    corpus, maps = read_corpus(given.data), LabelMaps.read()
    distinct = list({(example.text, example.labels): example for example in corpus.train["gametox"]}.values())
    game = Game(bind(distinct, maps), bind(corpus.test["gametox"], maps), maps)
    base = made_base(corpus, maps, given.out)
    rows: dict[tuple[str, str], list[Row]] = defaultdict(list)
    rows["none", "the base as it is"].append(game.row(untrained(base, game)))
    for size in map(int, given.sizes.split(",")):
        for draw in range(given.draws if size else 1):
            for way, row in ways(game, base, drawn(game.own, size or len(game.own), draw), draw):
                rows[f"{size:,}" if size else "all", way].append(row)
                said = " ".join(f"{name} {value:.3f}" for name, value in row.items())
                sys.stderr.write(f"{size or 'all'} labels, draw {draw}, {way}: {said}\n")
    print(table(rows))


def untrained(base: Path, game: Game) -> Floats:
    """Return the base's own scores of the held-out lines, [lines, categories]."""
    known = known_by(str(base))
    outputs = outputs_for([], game.maps.taxonomy, known)
    model, tokenizer = load_base(TrainingSettings(base=str(base)), outputs, known)
    unmoved = Trained(model, tokenizer, outputs, known, np.zeros((0, len(outputs.names))), [])
    return scored(unmoved, game.test.texts, 1.0, len(game.maps.taxonomy.names))


def ways(game: Game, base: Path, own: Labelled, seed: int) -> Iterator[tuple[str, Row]]:
    """Train on own lines from the bundle, with a new head, and linearly; a fifth of the lines is for development."""
    cut = len(own) // 5
    dev, learn = (Labelled(own.examples[part], own.targets[part]) for part in (slice(cut), slice(cut, None)))
    size = len(game.maps.taxonomy.names)
    for way, start in (("from the bundle", base), ("with a new head", base.with_name("bare"))):
        settings = TrainingSettings(base=str(start), seed=seed)
        trained = train(settings, game.maps.taxonomy, learn, dev)
        temperature = fit_temperature(trained.dev_logits, trained.outputs.allowed(dev.targets))
        yield way, game.row(scored(trained, game.test.texts, temperature, size))
    yield "linear", game.row(fit_floor(own, size)(game.test.texts))


def scored(trained: Trained, texts: Sequence[str], temperature: float, categories: int) -> Floats:
    """Return scores, [texts, categories]."""
    return trained.outputs.spread(softmax(predict(trained, texts, 64), temperature), categories)


def made_base(corpus: Corpus, maps: LabelMaps, out: Path) -> Path:
    """Make the base, as a bundle and, beside it, as a bare checkpoint of the same weights."""
    base = out / "base"
    if (out / "bare").exists():
        return base
    shutil.rmtree(base, ignore_errors=True)
    closed = [*corpus.train["gametox"], *corpus.dev["gametox"], *corpus.test["gametox"]]
    learn = bind(list(_lines(corpus, closed)), maps)
    dev = bind(corpus.dev["conda"], maps)
    start = _start(learn.texts, trained_categories(maps), out / "start")
    settings = TrainingSettings(base=str(start), epochs=2, batch_size=64, learning_rate=4e-4)
    trained = train(settings, maps.taxonomy, learn, dev)
    described = Description(
        name="base",
        taxonomy=maps.taxonomy,
        labels=trained.outputs.labels(maps.taxonomy),
        temperature=fit_temperature(trained.dev_logits, trained.outputs.allowed(dev.targets)),
    )
    save_bundle(trained.model, trained.tokenizer, base, described, "float32")
    shutil.copytree(base, out / "bare", ignore=shutil.ignore_patterns(MANIFEST))
    return base


def _start(texts: Sequence[str], names: Sequence[str], folder: Path) -> Path:
    plan = Plan()
    state = load_file(minilm() / "model.safetensors")
    encoder = {name.removeprefix("bert."): tensor for name, tensor in state.items()}
    layers, vocabulary = plan.student_layers, plan.student_vocabulary
    model, tokenizer = start_student(minilm(), encoder, texts, names, layers=layers, vocabulary=vocabulary, seed=3)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _lines(corpus: Corpus, closed: Sequence[Example]) -> Iterator[Example]:
    generator = np.random.default_rng(1)
    for name, examples in corpus.train.items():
        if name == "gametox":
            continue
        distinct = list({(each.text, each.labels): each for each in without(examples, closed)}.values())
        for place in generator.permutation(len(distinct))[: MOST.get(name)]:
            yield distinct[place]


def table(rows: Mapping[tuple[str, str], Sequence[Row]]) -> str:
    """Return Markdown: mean, and range where there are several draws."""
    names = list(next(iter(rows.values()))[0])
    lines = ["| own labels | | " + " | ".join(names) + " |", "|---" * (len(names) + 2) + "|"]
    for (size, way), found in rows.items():
        cells = [_cell([row[name] for row in found]) for name in names]
        lines.append(f"| {size} | {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    told = f"{np.mean(values):.3f}"
    return told if len(values) == 1 else f"{told} ({min(values):.3f}–{max(values):.3f})"


if __name__ == "__main__":
    main()
