"""The recipe's plan, and what its stages share."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.training.labels import LabelMaps
from model.training.recipe.corpus import Corpus
from model.training.recipe.lessons import Lesson
from model.training.sources import PUBLIC


@dataclass(frozen=True, slots=True)
class Start:
    """A teacher's base, number of epochs and seed, and how many of the lowest layers do not learn."""

    base: str
    """Name of an encoder in ``Run.bases``, or ``ADAPTED``."""
    epochs: int
    seed: int
    frozen: int = 0


ADAPTED: Final = "adapted"
"""The first encoder, adapted to the raw chat."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the stages; the defaults are those of the bundle that ships."""

    adapt_epochs: int = 1
    teachers: tuple[Start, ...] = (Start(ADAPTED, 3, 11), Start("bge-small", 2, 12), Start(ADAPTED, 3, 13))
    copies: int = 1
    """Rounds of invented lines; 0 for none."""
    student_layers: tuple[int, ...] = (0, 1)
    """Layers of the first teacher that the student starts as."""
    student_vocabulary: int | None = 5_100
    """Word pieces of the student; None for the teacher's."""
    student_epochs: int = 8
    student_rate: float = 4e-4
    student_frozen: int = 0
    """Lowest layers of the student that stay as the teacher's, and the embeddings, if not 0."""
    resamples: int = 1_000
    """Resamples of the test set, for the intervals."""
    threads: int = 2
    name: str = "chatwarden-compact"
    base: str = "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), BAAI/bge-small-en-v1.5 (MIT)"
    """What the card says that the teachers started as."""
    recipe: str = "python -m model.training.recipe"

    @property
    def adapts(self) -> bool:
        """Whether a stage needs the encoder that is adapted to the raw chat."""
        return self.copies > 0 or any(start.base == ADAPTED for start in self.teachers)


@dataclass(frozen=True, slots=True)
class Run:
    """What every stage uses."""

    corpus: Corpus
    maps: LabelMaps
    lessons: Mapping[str, list[Lesson]]
    bases: Mapping[str, Path]
    """Base encoders; the first is the one that is adapted."""
    out: Path
    plan: Plan

    @property
    def names(self) -> list[str]:
        """The categories that the student outputs."""
        return trained_categories(self.maps)


def trained_categories(maps: LabelMaps) -> list[str]:
    """Return the categories that some label map covers, in taxonomy order; only rules find the others."""
    taught_by = {name for label_map in maps.maps for names in label_map.labels.values() for name in names}
    return [name for name in maps.taxonomy.names if name in taught_by]


def fingerprint(data: Path) -> str:
    """Return a digest of the files that the recipe reads, 128 bits in hex."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted({file for file, _ in PUBLIC.values()}):
        digest.update(name.encode() + b"\0" + hashlib.sha256((data / name).read_bytes()).digest())
    return digest.hexdigest()
