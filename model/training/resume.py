"""Resuming: checks which run a folder's checkpoints belong to, and finds the complete ones."""

import json
import logging
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from model.checkpoint import origin
from model.errors import WorkshopError
from model.training.data import Labelled, Sides, fingerprint
from model.training.heads import known_by
from model.training.outputs import outputs_for
from model.training.settings import TrainingSettings
from schemas.taxonomy import Taxonomy

log = logging.getLogger(__name__)

RUN: Final = "run.json"
_CHECKPOINT: Final = re.compile(r"checkpoint-(\d+)")
_PARTS: Final = ("*model*.safetensors*", "optimizer.pt", "scheduler.pt", "rng_state*.pth", "trainer_state.json")
_FREE: Final = frozenset(["patience", "precision"])
"""Settings that may change when a run is resumed.

They decide when it ends and what is suggested, not how it learns; ``epochs`` affects every step's learning rate.
"""


def identity(settings: TrainingSettings, taxonomy: Taxonomy, learn: Labelled, sides: Sides) -> dict[str, Any]:
    """Return what identifies a run, as plain data: lines, base, categories, outputs and settings."""
    return {
        "training lines": fingerprint(learn),
        "development lines": fingerprint(sides.dev),
        "held-out lines": fingerprint(sides.test),
        "base": origin(settings.base),
        "categories": list(taxonomy.names),
        "outputs": list(outputs_for(learn.targets, taxonomy, known_by(settings.base)).names),
        "settings": settings.model_dump(mode="json", exclude=set(_FREE)),
    }


def claim(work: Path, run: Mapping[str, Any]) -> None:
    """Record in ``work`` which run its checkpoints belong to; blocks on the disk.

    Raises:
        WorkshopError: it has those of another run, whose lines would leak into this one's evaluation; the message names
            the differences.
        OSError: it cannot be written.
    """
    path = work / RUN
    if _checkpoints(work):
        _refuse_another(work, run)
        return
    # Processes that train together write the same at the same time.
    with tempfile.TemporaryDirectory(dir=work) as own:
        unfinished = Path(own, RUN)
        unfinished.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(path)


def last_checkpoint(work: Path) -> str | None:
    """Return the newest complete checkpoint of ``work``; logs the incomplete ones that it skips."""
    for checkpoint in _checkpoints(work):
        if _is_whole(checkpoint):
            log.warning("resuming from %s", checkpoint)
            return str(checkpoint)
        log.warning("%s is incomplete: skipped", checkpoint)
    return None


def _checkpoints(work: Path) -> list[Path]:
    """Return the checkpoints of a folder, newest first."""
    found = [
        (int(named[1]), path)
        for path in (work.iterdir() if work.is_dir() else ())
        if path.is_dir() and (named := _CHECKPOINT.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found, reverse=True)]


def _is_whole(checkpoint: Path) -> bool:
    """Whether every part is there; the trainer's state is written last, so it must be readable too."""
    if not all(any(checkpoint.glob(part)) for part in _PARTS):
        return False
    try:
        json.loads((checkpoint / "trainer_state.json").read_bytes())
    except ValueError:
        return False
    return True


def _refuse_another(work: Path, run: Mapping[str, Any]) -> None:
    mend = "name another folder for --work, or remove this one"
    try:
        known = json.loads((work / RUN).read_bytes())
    except FileNotFoundError as exc:
        raise WorkshopError(f"{work}: holds checkpoints but no {RUN} to identify their run; {mend}") from exc
    except ValueError as exc:
        raise WorkshopError(f"{work / RUN}: not JSON: {exc}; {mend}") from exc
    if not isinstance(known, dict):
        raise WorkshopError(f"{work / RUN}: not a JSON object; {mend}")
    if known != run:
        raise WorkshopError(f"{work}: holds the checkpoints of another run: {_differences(known, run)}; {mend}")


def _differences(known: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    settings: Mapping[str, Any] = known.get("settings") or {}
    told = [f"other {name}" for name in run if name != "settings" and known.get(name) != run[name]]
    told += [
        f"{name} is {value}, there {settings.get(name)}"
        for name, value in run["settings"].items()
        if settings.get(name) != value
    ]
    return ", ".join(told) or "other settings"
