"""The recipe, stage by stage.  Each stage writes its result to ``out`` and is skipped if that exists."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from model.training.labels import LabelMaps
from model.training.recipe.blend import as_categories
from model.training.recipe.choose import Settled, quality
from model.training.recipe.corpus import SEED, read_corpus
from model.training.recipe.crew import crew
from model.training.recipe.distil import Pool, distil, games_logits
from model.training.recipe.ensemble import Ensemble, Linear, linear_of
from model.training.recipe.invent import invent, often
from model.training.recipe.lessons import heads_of, lent_to, lessons_by_source
from model.training.recipe.measure import Figures
from model.training.recipe.plan import ADAPTED, Plan, Run
from model.training.recipe.pool import GAMES, syllabus, taught
from model.training.recipe.pretrain import adapt
from model.training.recipe.report import conda_figures, gametox_figures
from model.training.recipe.ship import ship
from model.training.recipe.student import half, start_student
from model.training.recipe.teacher import freeze, train_teacher

Floats = NDArray[np.float32]


def make_bundle(data: Path, bases: Mapping[str, Path], out: Path, plan: Plan) -> Path:
    """Run every unfinished stage and return the bundle's directory; blocks for up to hours.

    Raises:
        SourceError, LabelError, LeakError: the data cannot be used.
    """
    out.mkdir(parents=True, exist_ok=True)
    corpus, maps = read_corpus(data), LabelMaps.read()
    run = Run(corpus, maps, lessons_by_source(corpus.train, maps), bases, out, plan)
    with crew(plan.threads, len(plan.teachers)) as workers:
        teachers, linears = _taught(run, workers)
        ensemble = Ensemble(teachers, linears, workers)
        pool = _pool(run, ensemble, _invented(run))
        others = _side_by_side(run, ensemble)
    return ship(run, _student(run, teachers[0], pool), data, others)


def _taught(run: Run, workers: Executor) -> tuple[list[Path], list[Linear]]:
    """Train the teachers and the linear models in parallel; only those that start adapted wait for that."""
    directories = [run.out / f"teacher-{start.base}-{start.seed}" for start in run.plan.teachers]
    lent = lent_to("gametox", run.lessons, run.maps)

    def train(base: str, checkpoint: Path) -> Iterator[Future[None]]:
        for start, directory in zip(run.plan.teachers, directories, strict=True):
            if start.base == base and not _done(directory / "teacher.safetensors"):
                yield workers.submit(train_teacher, checkpoint, run.lessons, lent, directory, start)

    adapting = _adapting(run, workers)
    training = [future for base, checkpoint in run.bases.items() for future in train(base, checkpoint)]
    adapting.result()
    training += train(ADAPTED, run.out / ADAPTED)
    linears = [workers.submit(linear_of, game, run.lessons[game], SEED) for game in GAMES]
    for future in training:
        future.result()
    return directories, [future.result() for future in linears]


def _adapting(run: Run, workers: Executor) -> Future[None]:
    directory = run.out / ADAPTED
    if not run.plan.adapts or _done(directory / "tokenizer.json"):
        done: Future[None] = Future()
        done.set_result(None)
        return done
    first = next(iter(run.bases.values()))
    return workers.submit(adapt, first, run.corpus.raw, directory, epochs=run.plan.adapt_epochs, seed=1)


def _invented(run: Run) -> dict[str, list[str]]:
    file = run.out / "invented.json"
    if not _done(file):
        texts = {game: often(run.lessons[game], run.maps, game) * run.plan.copies for game in GAMES}
        lines = {game: invent(run.out / ADAPTED, chosen, seed=21) for game, chosen in texts.items() if chosen}
        partial = file.with_suffix(".part")
        partial.write_text(json.dumps(lines, ensure_ascii=False), encoding="utf-8")
        partial.replace(file)
    found: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _pool(run: Run, ensemble: Ensemble, invented: Mapping[str, Sequence[str]]) -> Pool:
    file = run.out / "answers.npz"
    plan = syllabus(run.corpus, run.maps, invented, SEED)
    if not _done(file):
        partial = file.with_suffix(".part.npz")
        np.savez(partial, allow_pickle=False, **ensemble.ask(plan.texts))
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
        teacher,
        encoder,
        pool.texts,
        run.names,
        layers=run.plan.student_layers,
        vocabulary=run.plan.student_vocabulary,
        seed=3,
    )
    model.config.save_pretrained(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    qualities: list[float] = []

    def keep_the_best(averaged: nn.Module, epoch: int) -> None:
        plain = Settled(tuple(run.names), np.zeros(len(run.names), dtype=np.float32), {})
        qualities.append(quality(plain, games_logits(averaged, tokenizer, run.corpus.dev), run.corpus.dev))
        print(f"student: epoch {epoch + 1}, quality on dev {qualities[-1]:.4f}", file=sys.stderr, flush=True)
        if qualities[-1] == max(qualities):
            save_file(half(averaged), directory / "model.safetensors", metadata={"format": "pt"})

    freeze(model.bert, run.plan.student_frozen)
    distil(
        model,
        tokenizer,
        pool,
        epochs=run.plan.student_epochs,
        seed=3,
        after_epoch=keep_the_best,
        lr=run.plan.student_rate,
    )
    (directory / "done.json").write_text(json.dumps({"quality_dev_by_epoch": qualities}))
    return directory


def _side_by_side(run: Run, ensemble: Ensemble) -> dict[str, Figures]:
    """Figures of the linear models and of the ensemble on the test, each game by its own head."""
    test, heads = run.corpus.test, heads_of(run.maps)
    floor: Figures = {}
    together: Figures = {}
    for linear, measure in zip(ensemble.linears, (gametox_figures, conda_figures), strict=True):
        game = linear.head
        texts = [example.text for example in test[game]]
        for figures, said in ((floor, linear.ask(texts)), (together, ensemble.ask(texts)[game])):
            scores = as_categories(said, heads[game], run.names)
            figures |= {f"{game}.{name}": value for name, value in measure(test[game], scores).items()}
    return {"linear floor": floor, "ensemble": together}


def _done(path: Path) -> bool:
    if path.exists():
        print(f"{path.name}: done before, kept", file=sys.stderr, flush=True)
    return path.exists()
