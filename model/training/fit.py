"""From lines and settings to a finished bundle: train, calibrate, measure, describe."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import transformers

from model.bundle import Bundle, Description, write_bundle
from model.checkpoint import origin, save_bundle
from model.cores import usable_cores
from model.torch_classifier import TorchClassifier
from model.training.acting import of_all_severe
from model.training.beforehand import refuse_one_sided
from model.training.calibrate import fit_temperature, softmax
from model.training.data import Labelled, Sides, fingerprint, join
from model.training.evaluate import Document, Given, Progress, by_default, evaluation, quality, remembering, scoring
from model.training.floor import fit_floor
from model.training.heads import known_by
from model.training.metrics import Bootstrap, Flags, Floats
from model.training.outputs import outputs_for
from model.training.report import card
from model.training.resume import claim, identity
from model.training.settings import TrainingSettings
from model.training.suggest import Suggestion, suggest
from model.training.train import Trained, train
from schemas.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Order:
    """What to train."""

    name: str
    output: Path
    taxonomy: Taxonomy
    settings: TrainingSettings
    work: Path | None = None
    """Folder of checkpoints, from which the run can be resumed."""
    notes: Mapping[str, str] | None = None
    """Further facts for the card: sources, licences."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A finished bundle and its evaluation."""

    bundle: Bundle
    evaluation: Document
    floor: Document


def fit(
    order: Order, sides: Sides, public: Labelled, given: Given, progress: Progress, bootstrap: Bootstrap
) -> Fitted | None:
    """Train on own and public lines and write the bundle; returns None in processes that only help to train.

    Blocks for as long as training takes.

    Raises:
        BundleError: the base cannot be used or the output is in use.
        DataError: a side has no toxic or no clean line.
        WorkshopError: ``work`` holds another run, or one that cannot be resumed.
    """
    often = order.settings.repeats(len(sides.train), len(public))
    learn = join([*[sides.train] * often, public])
    for name, side in (("training", learn), ("development", sides.dev), ("held-out", sides.test)):
        refuse_one_sided(name, side, order.taxonomy)
    if order.work is not None:
        claim(order.work, identity(order.settings, order.taxonomy, learn, sides))
    _announce_head(order, learn, progress)
    progress(f"training on {len(learn):,} lines ({len(public):,} public), developing on {len(sides.dev):,}")
    trained = train(order.settings, order.taxonomy, learn, sides.dev, order.work)
    if not trained.leads:
        return None
    described, suggestion = _describe(order, trained, sides.dev, learn)
    if suggestion.said:
        progress(suggestion.said)
    bundle = save_bundle(trained.model, trained.tokenizer, order.output, described)
    progress("fitting the linear floor")
    floor = quality(fit_floor(learn, len(order.taxonomy.names)), sides.test, order.taxonomy, bootstrap)
    score = remembering(scoring(TorchClassifier(bundle, threads=usable_cores())))
    measured = evaluation(score, sides.test, order.taxonomy, given, progress, bootstrap)
    acting = of_all_severe(bundle.manifest.acting, order.taxonomy)
    measured["default_policy"] = by_default(score, sides.test, order.taxonomy, acting, bootstrap)
    measured["thresholds"] = {"suggested": dict(suggestion.thresholds), "note": suggestion.said}
    return Fitted(_finish(bundle, described, measured, floor, _counted(sides, public, often)), measured, floor)


def _counted(sides: Sides, public: Labelled, often: int) -> dict[str, int]:
    return {
        "own lines to train": len(sides.train),
        "times that each is repeated": often,
        "public lines to train": len(public),
        "lines to develop": len(sides.dev),
        "held-out lines": len(sides.test),
    }


def _announce_head(order: Order, learn: Labelled, progress: Progress) -> None:
    """Say what the categories start as, if the base is a bundle."""
    known = known_by(order.settings.base)
    outputs = outputs_for(learn.targets, order.taxonomy, known)
    if not outputs.rows:
        progress("the last layer is new: the base is not a bundle of exclusive categories")
        return
    origins: dict[str, set[str]] = {}
    for place, row in zip(outputs.categories, outputs.rows, strict=True):
        origins.setdefault(order.taxonomy.names[place], set()).update(() if row is None else (known.categories[row],))
    progress("the categories start as the base has them: " + ", ".join(_started(*each) for each in origins.items()))
    if lost := sorted(set(known.categories).difference(*origins.values())):
        progress(f"of the base's categories these have no place: {', '.join(lost)}")


def _started(name: str, origins: set[str]) -> str:
    others = origins - {name}
    if name in origins:
        return name + (f" (also {', '.join(sorted(others))})" if others else "")
    return f"{name} (as {', '.join(sorted(origins))})" if origins else f"{name} (new)"


def _describe(order: Order, trained: Trained, dev: Labelled, learn: Labelled) -> tuple[Description, Suggestion]:
    """Calibrate on the development set and describe the network."""
    allowed = trained.outputs.allowed(dev.targets)
    temperature = fit_temperature(trained.dev_logits, allowed)
    settings = order.settings
    suggestion = _suggested(order, trained, softmax(trained.dev_logits, temperature), allowed)
    training: dict[str, Any] = {
        "base": origin(settings.base),
        "data_fingerprint": fingerprint(learn),
        "epochs": settings.epochs,
        "learning_rate": trained.learning_rate,
        "seed": settings.seed,
        "settings": settings.model_dump_json(exclude={"base"}),
        "transformers": transformers.__version__,
        **(order.notes or {}),
    }
    described = Description(
        name=order.name,
        taxonomy=order.taxonomy,
        labels=trained.outputs.labels(order.taxonomy),
        temperature=temperature,
        thresholds=dict(suggestion.thresholds),
        max_tokens=settings.max_tokens,
        training=training,
    )
    return described, suggestion


def _suggested(order: Order, trained: Trained, shares: Floats, allowed: Flags) -> Suggestion:
    """Suggest thresholds by category, however many outputs each has."""
    outputs = trained.outputs
    covered = sorted(set(outputs.categories))
    size = len(order.taxonomy.names)
    scores, flags = (outputs.spread(each.astype(np.float64), size)[:, covered] for each in (shares, allowed))
    names = tuple(order.taxonomy.names[place] for place in covered)
    return suggest(order.settings.precision, scores, flags > 0, names, order.taxonomy, trained.known)


def _finish(
    bundle: Bundle, described: Description, measured: Document, floor: Document, rows: Mapping[str, int]
) -> Bundle:
    """Add the card, the report and the figures; none of them changes the bundle's digest."""
    brief = {"binary": measured["binary"], "macro_f1": measured["macro_f1"], "floor": floor["binary"]}
    full = described.model_copy(update={"metrics": brief})
    text = card(full.model_dump(mode="json"), measured, floor, rows)
    (bundle.path / "README.md").write_text(text, encoding="utf-8")
    report = {key: value for key, value in measured.items() if key != "curves"}
    (bundle.path / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return write_bundle(bundle.path, full)
