"""The composition root of a replay: builds the compared sides of a job.  Part of ``stream.wiring``.

The live workers' shared caches take no part: a replay neither fills nor trusts them.
"""

from pathlib import Path
from typing import Final

from model.bundle import bundle_digest
from model.policy_columns import ColumnDecider
from model.rules import OTHER_GAMES
from stream import wiring
from stream.replay.history.events import Labelling
from stream.replay.history.reviews import read_reviews, reviews_digest
from stream.replay.job import Job
from stream.replay.judging.floors import Floors
from stream.replay.judging.sides import (
    REPLAYED_AT,
    Judged,
    Labelled,
    Recorded,
    Redecided,
    Rescored,
    Scored,
    Side,
)
from stream.replay.work import Sides
from stream.settings import RedisSettings, Settings

REMEMBERED: Final = 300_000
"""Texts whose answers a process remembers between stretches (about 300 bytes each)."""


def sides(job: Job) -> Sides:
    """Build both sides.

    Raises:
        ConfigError: a bundle, pack or policy cannot be used.
    """
    reviews = read_reviews(job.reviews) if job.reviews is not None else None
    labelling = Labelling(job.label, reviews)
    if job.depth == "redecide":
        redecided = _redecided(job.settings)
        return Sides(_baseline(job, None), redecided, labelling, redecided.names)
    if job.depth == "full":
        judge = wiring.judge(_uncached(job.settings), lambda: REPLAYED_AT)
        judged = Judged(judge, job.settings.pipeline.chunk_size)
        return Sides(_baseline(job, None), judged, labelling, wiring.load_parts(job.settings).taxonomy.names)
    scored = _scored(job.settings)
    rescored = Rescored(scored, _decider(job.settings, scored))
    return Sides(_baseline(job, scored), rescored, labelling, scored.scorer.taxonomy.names)


def sharing(settings: Settings, workers: int, cores: int) -> Settings:
    """Return settings with which ``workers`` parallel classifiers share the cores, unless the settings say how."""
    return _changed(settings, "model", threads=settings.model.threads or max(1, cores // workers))


def _baseline(job: Job, scored: Scored | None) -> Side:
    kind, name = job.baseline
    if kind == "recorded":
        return Recorded()
    if kind == "labels":
        return Labelled()
    if kind == "bundle":
        settings = _changed(job.settings, "model", bundle=Path(name))
        own = _scored(settings)
        return Rescored(own, _decider(settings, own))
    settings = _changed(job.settings, "policy", path=Path(name))
    if job.depth == "redecide":
        return _redecided(settings)
    own = _scored(settings)
    if scored is not None and scored.scorer.digest == own.scorer.digest:
        own = scored  # so that both sides' texts are scored once; not so if a policy turns the gate off
    return Rescored(own, _decider(settings, own))


def _changed(settings: Settings, section: str, **values: object) -> Settings:
    changed = getattr(settings, section).model_copy(update=values)
    return settings.model_copy(update={section: changed})


def _uncached(settings: Settings) -> Settings:
    """Turn the caches off, and let nothing pass unscored."""
    alone = _changed(settings, "pipeline", memory_size=0, classifier_down="hold")
    return alone.model_copy(update={"redis": RedisSettings()})


def _scored(settings: Settings) -> Scored:
    return Scored(wiring.scorer(_uncached(settings)), 0 if _on_gpu(settings) else REMEMBERED)


def _on_gpu(settings: Settings) -> bool:
    """Whether a score may depend on its batch in the last bit, so that scores may not be reused between stretches."""
    import torch

    return settings.model.device != "cpu" and torch.cuda.is_available()


def _decider(settings: Settings, scored: Scored) -> ColumnDecider:
    taxonomy = scored.scorer.taxonomy
    return ColumnDecider(wiring.decider(settings, taxonomy), taxonomy)


def _redecided(settings: Settings) -> Redecided:
    """Build what needs no network; the bundle only provides the categories."""
    parts = wiring.load_parts(settings)
    known = parts.taxonomy
    by_game = {game: name for game, name in settings.policy.packs.items() if game != OTHER_GAMES}
    decider = ColumnDecider(wiring.decider(settings, known, parts), known)
    return Redecided(decider, known, Floors(parts.packs, by_game, known))


def contents(job: Job) -> dict[str, str]:
    """Return digests of what a job names (bundles, packs, policies, reviews), to detect changes.

    Raises:
        ConfigError: one of them cannot be read.
    """
    settings = job.settings
    parts = wiring.load_parts(settings)
    found = {"bundle": bundle_digest(parts.bundle), "policy": wiring.decider(settings, parts.taxonomy, parts).digest}
    found |= {f"pack {name}": pack.digest for name, pack in parts.packs.items()}
    kind, name = job.baseline
    if kind == "bundle":
        found["baseline"] = bundle_digest(wiring.load_parts(_changed(settings, "model", bundle=Path(name))).bundle)
    if kind == "policy":
        found["baseline"] = wiring.decider(_changed(settings, "policy", path=Path(name)), parts.taxonomy).digest
    if job.reviews is not None:
        found["reviews"] = reviews_digest(job.reviews)
    return found
