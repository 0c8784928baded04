"""The last stage: choose what is chosen on development texts, measure on the test, write the bundle and its card."""

import copy
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from safetensors.torch import save_file
from transformers import BertForSequenceClassification

from model.bundle import Description, write_bundle
from model.readings import readings
from model.training.acting import with_together
from model.training.calibrate import together_for
from model.training.labels import LabelMaps
from model.training.recipe import card
from model.training.recipe.choose import settle, threshold_for
from model.training.recipe.corpus import Corpus
from model.training.recipe.distil import ask_student, games_logits
from model.training.recipe.measure import INTENTS, Figures, conda_truth, gametox_truth
from model.training.recipe.plan import Run, fingerprint
from model.training.recipe.report import (
    ALLOWED,
    conda_figures,
    disguised_copies,
    gametox_figures,
    hatecheck_figures,
    madlibs_figures,
    policy_figures,
    table,
    toxicity,
)
from model.training.recipe.student import half, load_student
from model.training.sources import Example
from model.vetting import MODEL_CARD
from schemas.taxonomy import NON_TOXIC

Floats = NDArray[np.float32]
Ask = Callable[[Sequence[str]], dict[str, Floats]]

PRECISION: Final = 0.9
"""Target precision of the suggested thresholds."""

MAX_TOKENS: Final = 64

COMPARED: Final = {"floor": "linear floor", "ensemble": "ensemble"}
"""The models whose figures stand beside the bundle's, by their prefix in its metrics."""


class Answering:
    """The student with its adjusted outputs, as the bundle will score."""

    def __init__(self, student: Path, corpus: Corpus, maps: LabelMaps, names: Sequence[str]) -> None:
        self.model, self.tokenizer = load_student(student)
        logits = games_logits(self.model, self.tokenizer, corpus.dev)
        targets = {game: maps.targets(corpus.dev[game]) for game in logits}
        self.settled: Final = settle(logits, corpus.dev, targets, names)

    def __call__(self, texts: Sequence[str]) -> dict[str, Floats]:
        """Return scores by category."""
        return self.settled.scores(ask_student(self.model, self.tokenizer, texts))

    def labels(self) -> dict[str, str]:
        """Return the category of each output of the network that ships, by the output's name."""
        return {name: name for name in self.settled.names} | {_twin(name): "non_toxic" for name in self.settled.twins}

    def built(self) -> BertForSequenceClassification:
        """Return the network that ships: the student with offsets in the bias and twins as separate outputs."""
        head, model = self.model.classifier, copy.deepcopy(self.model)
        twins = [self.settled.names.index(name) for name in self.settled.twins]
        with torch.no_grad():
            bias = head.bias + torch.from_numpy(self.settled.offsets)
            lower = bias[twins] - torch.tensor(list(self.settled.twins.values()))
            model.classifier = torch.nn.Linear(head.in_features, len(bias) + len(twins))
            model.classifier.weight.copy_(torch.cat([head.weight, head.weight[twins]]))
            model.classifier.bias.copy_(torch.cat([bias, lower]))
        outputs = list(self.labels())
        model.config.update(
            {"id2label": dict(enumerate(outputs)), "label2id": {name: place for place, name in enumerate(outputs)}}
        )
        return model


def _twin(name: str) -> str:
    return f"{name}, allowed"


def ship(run: Run, student: Path, data: Path, others: Mapping[str, Figures]) -> Path:
    """Write the bundle directory, print the figures, return the bundle's path."""
    corpus = run.corpus
    answering = Answering(student, corpus, run.maps, run.names)
    thresholds, acting = suggested(answering, corpus)
    as_shipped = in_every_reading(answering)
    figures = figures_of(as_shipped, corpus.test, thresholds, threshold=acting, resamples=run.plan.resamples)
    print(table({**others, "student": figures}), file=sys.stderr, flush=True)
    directory = run.out / "bundle"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    built = answering.built()
    built.config.save_pretrained(directory)
    answering.tokenizer.no_truncation()
    answering.tokenizer.save(str(directory / "tokenizer.json"))
    save_file(half(built), directory / "model.safetensors", metadata={"format": "pt"})
    facts = _facts(answering, run, data)
    rounded = {name: round(value, 4) for name, value in figures.items()}
    (directory / MODEL_CARD).write_text(card.write(rounded, others, facts), encoding="utf-8")
    write_bundle(
        directory,
        Description(
            name=run.plan.name,
            taxonomy=run.maps.taxonomy,
            labels=answering.labels(),
            temperature=answering.settled.temperature,
            thresholds=thresholds,
            max_tokens=MAX_TOKENS,
            metrics=rounded | as_shown(others),
            training={**facts, "licences": dict(card.LICENCES)},
        ),
    )
    return directory


def as_shown(others: Mapping[str, Figures]) -> Figures:
    """Return the figures of the other models as a bundle's metrics hold them."""
    return {
        f"{prefix}.{name}": round(value, 4)
        for prefix, model in COMPARED.items()
        for name, value in others[model].items()
    }


def compared(metrics: Mapping[str, JsonValue]) -> dict[str, Figures]:
    """Return the figures of the other models out of a bundle's metrics, as ``ship`` takes them."""
    return {
        model: {
            name.removeprefix(f"{prefix}."): float(value)
            for name, value in metrics.items()
            if name.startswith(f"{prefix}.") and isinstance(value, int | float)
        }
        for prefix, model in COMPARED.items()
    }


def _facts(answering: Answering, run: Run, data: Path) -> dict[str, JsonValue]:
    config = answering.model.config
    return {
        "data": fingerprint(data),
        "sources": {source: len(examples) for source, examples in run.corpus.train.items()}
        | {"twitch": len(run.corpus.raw)},
        "severe": sum(example.labels[0] in ("3", "4", "5") for example in run.corpus.test["gametox"]),
        "title": f"{run.plan.name.replace('-', ' ').capitalize()} bundle",
        "recipe": run.plan.recipe,
        "base": run.plan.base,
        "parameters": sum(parameter.numel() for parameter in answering.model.parameters()),
        "layers": config.num_hidden_layers,
        "vocabulary": config.vocab_size,
        "max_tokens": MAX_TOKENS,
        "temperature": answering.settled.temperature,
    }


def suggested(ask: Ask, corpus: Corpus) -> tuple[dict[str, float], float]:
    """Return thresholds that reach ``PRECISION`` on development texts, and that of one sum of all scores.

    By category, each by itself, and for ``any`` together with those.  None is suggested for taunts and calls for a
    report: they are part of a game, and a studio decides whether to act on them.  Categories with too few development
    texts take the threshold of the sum.
    """
    gametox = corpus.dev["gametox"]
    scores = ask([example.text for example in gametox])
    labels = np.array([example.labels[0] for example in gametox])
    toxic = labels != "0"
    alone = threshold_for(PRECISION, toxic, toxicity(scores)) or 0.5
    truths = {"insult": (labels == "1", scores), "profanity": (labels == "2", scores), "hate": (labels == "3", scores)}
    found = {name: threshold_for(PRECISION, truth, given[name]) for name, (truth, given) in truths.items()}
    acting = {name: round(min(0.99, found.get(name) or alone), 3) for name in scores if name not in ALLOWED}
    columns = np.stack([scores[name] for name in acting], axis=1).astype(np.float64)
    together = together_for(PRECISION, columns, toxic, acting, list(acting))
    return with_together(acting, together), alone


def figures_of(
    ask: Ask,
    side: Mapping[str, Sequence[Example]],
    thresholds: Mapping[str, float],
    *,
    threshold: float,
    resamples: int,
) -> Figures:
    """Return every figure of ``side`` by dotted name: ``gametox.auc`` and so on.

    ``thresholds`` are the bundle's suggested ones, ``threshold`` is that of the sum of all scores.
    """
    scores = {name: ask([example.text for example in examples]) for name, examples in side.items()}
    # Whether to act on implicit abuse and calls to act is a studio's decision.
    toxic = {
        "gametox": gametox_truth([example.labels[0] for example in side["gametox"]]) > 0,
        "conda": conda_truth([example.labels[0] for example in side["conda"]]) == INTENTS.index("E"),
    }
    acted = {game: policy_figures(truth, scores[game], thresholds) for game, truth in toxic.items()}
    parts = {
        "gametox": gametox_figures(side["gametox"], scores["gametox"], resamples=resamples) | acted["gametox"],
        "conda": conda_figures(side["conda"], scores["conda"], resamples=resamples) | acted["conda"],
        "madlibs": madlibs_figures(side["madlibs"], scores["madlibs"]),
        "hatecheck": hatecheck_figures(side["hatecheck"], scores["hatecheck"], threshold),
        "evasion": evasion_figures(ask, side["gametox"], scores["gametox"], threshold),
    }
    return {f"{part}.{name}": value for part, figures in parts.items() for name, value in figures.items()}


def in_every_reading(ask: Ask) -> Ask:
    """Return ``ask`` as a bundle scores: over a text's readings each category's highest, ``non_toxic``'s lowest."""

    def worst(texts: Sequence[str]) -> dict[str, Floats]:
        ways = [readings(text) for text in texts]
        starts = np.concatenate([[0], np.cumsum([len(each) for each in ways])[:-1]])
        scores = ask([way for each in ways for way in each])
        return {
            name: (np.minimum if name == NON_TOXIC else np.maximum).reduceat(column, starts)
            for name, column in scores.items()
        }

    return worst


def evasion_figures(ask: Ask, examples: Sequence[Example], scores: Mapping[str, Floats], threshold: float) -> Figures:
    """Return, per disguise, the share of caught lines still caught; the worst; and the rise in false positives."""
    score = toxicity(scores)
    toxic = np.array([example.labels[0] != "0" for example in examples])
    caught = np.flatnonzero(toxic & (score >= threshold))
    clean = np.flatnonzero(~toxic)
    figures: Figures = {}
    for name, texts in disguised_copies([example.text for example in examples], seed=5).items():
        after = toxicity(ask(texts))
        figures[name] = float((after[caught] >= threshold).mean())
        figures[f"{name}_alarms"] = float((after[clean] >= threshold).mean() - (score[clean] >= threshold).mean())
    manners = {name: value for name, value in figures.items() if not name.endswith("_alarms")}
    return figures | {"worst": min(manners.values()), "mean": float(np.mean(list(manners.values())))}
