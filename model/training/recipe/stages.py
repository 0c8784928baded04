"""The recipe, stage by stage.  Each stage leaves its result under ``out`` and is skipped when that is there."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from model.training.labels import LabelMaps
from model.training.recipe.blend import as_categories
from model.training.recipe.choose import both_games
from model.training.recipe.corpus import SEED, read_corpus
from model.training.recipe.distil import Pool, distil, games_logits
from model.training.recipe.ensemble import Linear, ask_ensemble, linear_of
from model.training.recipe.invent import invent, often
from model.training.recipe.lessons import heads_of, lent_to, lessons_by_source
from model.training.recipe.measure import Figures
from model.training.recipe.plan import Plan, Run
from model.training.recipe.pool import GAMES, syllabus, taught
from model.training.recipe.pretrain import adapt
from model.training.recipe.report import conda_figures, gametox_figures
from model.training.recipe.ship import ship
from model.training.recipe.student import half, start_student
from model.training.recipe.teacher import train_teacher

Floats = NDArray[np.float32]


def make_bundle(data: Path, base: Path, out: Path, plan: Plan) -> Path:
    """Run every stage that is not done yet and return the bundle's directory; blocks for up to hours.

    Raises:
        SourceError, LabelError, LeakError: the data cannot be used.
    """
    out.mkdir(parents=True, exist_ok=True)
    corpus, maps = read_corpus(data), LabelMaps.read()
    run = Run(corpus, maps, lessons_by_source(corpus.train, maps), base, out, plan)
    adapted = _adapted(run)
    teachers = [_teacher(run, adapted, start, seed) for start, seed in plan.teachers]
    linears = [linear_of(game, run.lessons[game], SEED) for game in GAMES]
    pool = _pool(run, teachers, linears, _invented(run, adapted))
    student = _student(run, teachers[0], pool)
    return ship(run, student, data, _floor(run, linears))


def _adapted(run: Run) -> Path:
    directory = run.out / "adapted"
    if not _done(directory / "tokenizer.json"):
        chat = list(run.corpus.raw)
        for source, every in (
            ("olid", 1),
            ("hatemoji", 1),
            ("hatecheck", 1),
            ("surge", 1),
            ("jigsaw", 2),
            ("davidson", 3),
        ):
            chat += [example.text for example in run.corpus.train[source]][::every]
        adapt(run.base, chat, directory, epochs=run.plan.adapt_epochs, seed=1)
    return directory


def _teacher(run: Run, adapted: Path, start: str, seed: int) -> Path:
    directory = run.out / f"teacher-{start}-{seed}"
    if not _done(directory / "teacher.safetensors"):
        lent = lent_to("gametox", run.lessons, run.maps)
        checkpoint = adapted if start == "adapted" else run.base
        train_teacher(checkpoint, run.lessons, lent, directory, epochs=run.plan.teacher_epochs, seed=seed)
    return directory


def _invented(run: Run, adapted: Path) -> dict[str, list[str]]:
    file = run.out / "invented.json"
    if not _done(file):
        texts = {game: often(run.lessons[game], run.maps, game) * run.plan.copies for game in GAMES}
        lines = {game: invent(adapted, chosen, seed=21) for game, chosen in texts.items() if chosen}
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(lines, ensure_ascii=False), encoding="utf-8")
        partial.replace(file)
    found: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _pool(run: Run, teachers: Sequence[Path], linears: Sequence[Linear], invented: Mapping[str, Sequence[str]]) -> Pool:
    file = run.out / "answers.npz"
    plan = syllabus(run.corpus, run.maps, invented, SEED)
    if not _done(file):
        partial = file.with_suffix(".part.npz")
        np.savez(partial, allow_pickle=False, **ask_ensemble(teachers, linears, plan.texts))
        partial.replace(file)
    with np.load(file) as answers:
        return taught(plan, dict(answers), run.maps, run.names)


def _student(run: Run, teacher: Path, pool: Pool) -> Path:
    directory = run.out / "student"
    if _done(directory / "done.json"):
        return directory
    directory.mkdir(exist_ok=True)
    prefix = "encoder."
    state = load_file(teacher / "teacher.safetensors")
    encoder = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    model, tokenizer = start_student(
        teacher, encoder, pool.texts, run.names, layers=run.plan.student_layers, vocabulary=run.plan.student_vocabulary
    )
    model.config.save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    qualities: list[float] = []

    def keep_the_best(averaged: nn.Module, epoch: int) -> None:
        qualities.append(both_games(games_logits(averaged, tokenizer, run.corpus.dev), run.corpus.dev, run.names))
        print(
            f"student: epoch {epoch + 1}, macro-F1 of both games on dev {qualities[-1] / 2:.4f}",
            file=sys.stderr,
            flush=True,
        )
        if qualities[-1] == max(qualities):
            save_file(half(averaged), directory / "model.safetensors", metadata={"format": "pt"})

    distil(model, tokenizer, pool, epochs=run.plan.student_epochs, seed=3, after_epoch=keep_the_best)
    (directory / "done.json").write_text(json.dumps({"macro_f1_dev_by_epoch": [q / 2 for q in qualities]}))
    return directory


def _floor(run: Run, linears: Sequence[Linear]) -> Figures:
    """What the linear model alone reaches on the test."""
    test, heads = run.corpus.test, heads_of(run.maps)
    figures: Figures = {}
    for linear, measure in zip(linears, (gametox_figures, conda_figures), strict=True):
        said = linear.ask([example.text for example in test[linear.head]])
        scores = as_categories(said, heads[linear.head], run.names)
        figures |= {f"{linear.head}.{name}": value for name, value in measure(test[linear.head], scores).items()}
    return figures


def _done(path: Path) -> bool:
    if path.exists():
        print(f"{path.name}: done before, kept", file=sys.stderr, flush=True)
    return path.exists()
