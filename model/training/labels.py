"""Label maps: what the labels of a set mean in our categories, as data.

A label stands for one category or for several: a set that never tells ``taunt`` from clean play says so, and a
model trained on it is not taught that a taunt is clean.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import DataError
from model.training.sources import Example
from schemas.taxonomy import CategoryName, Taxonomy

DEFAULT_TAXONOMY: Final = Path(__file__).with_name("taxonomy.toml")
DEFAULT_MAPS: Final = Path(__file__).with_name("label_maps")


class LabelError(DataError):
    """A label map that cannot be used, or labels that no map knows; the message lists them."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an example teaches: its category is one of ``categories`` (positions), and how much that weighs."""

    categories: tuple[int, ...]
    weight: float


class LabelMap(BaseModel):
    """Meanings of the labels of some sources; for an example with several labels the first listed decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    weight: Annotated[float, Field(gt=0, le=10)] = 1.0
    labels: Annotated[dict[str, Annotated[tuple[CategoryName, ...], Field(min_length=1)]], Field(min_length=1)]

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read one map.

        Raises:
            LabelError: the file is unreadable or not a label map.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as exc:
            raise LabelError(f"{path}: {exc}") from exc

    def meaning(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Return the categories that the labels of one example may stand for; none when a label is unknown."""
        if any(label not in self.labels for label in labels):
            return ()
        return next((names for label, names in self.labels.items() if label in labels), ())


class LabelMaps:
    """Label maps bound to a taxonomy."""

    def __init__(self, maps: Iterable[LabelMap], taxonomy: Taxonomy) -> None:
        """Bind them.

        Raises:
            LabelError: a source is mapped twice, or a map names categories that the taxonomy lacks.
        """
        self.taxonomy: Final = taxonomy
        self.maps: Final = tuple(maps)
        self._by_source: dict[str, LabelMap] = {}
        for label_map in self.maps:
            _refuse_unknown(label_map, taxonomy)
            if twice := [source for source in label_map.sources if source in self._by_source]:
                raise LabelError(f"sources mapped twice: {', '.join(twice)}; keep one label map for each")
            self._by_source |= dict.fromkeys(label_map.sources, label_map)

    @classmethod
    def read(cls, taxonomy: Path = DEFAULT_TAXONOMY, maps: Path = DEFAULT_MAPS) -> Self:
        """Read a taxonomy and every label map of a directory.

        Raises:
            TaxonomyError: the taxonomy cannot be used.
            LabelError: a map cannot be used, or there is none.
        """
        files = sorted(maps.glob("*.toml"))
        if not files:
            raise LabelError(f"{maps}: no label maps (*.toml) in there")
        return cls((LabelMap.from_toml(file) for file in files), Taxonomy.from_toml(taxonomy))

    def targets(self, examples: Sequence[Example]) -> list[Target]:
        """Return what each example teaches, in order.

        Raises:
            LabelError: labels without a meaning, all of them listed with their counts.
        """
        meanings = [self._meaning(example) for example in examples]
        unmapped = Counter(
            (example.source, " + ".join(example.labels) or "(none)")
            for example, meaning in zip(examples, meanings, strict=True)
            if not meaning.categories
        )
        if unmapped:
            lines = (f"  {source}: {label!r} ({count} examples)" for (source, label), count in sorted(unmapped.items()))
            raise LabelError(
                "labels that no label map gives a meaning:\n"
                + "\n".join(lines)
                + "\nadd them to a map, or drop the rows"
            )
        return meanings

    def _meaning(self, example: Example) -> Target:
        label_map = self._by_source.get(example.source)
        names = label_map.meaning(example.labels) if label_map else ()
        return Target(tuple(map(self.taxonomy.names.index, names)), label_map.weight if label_map else 0.0)


def counts(targets: Iterable[Target], taxonomy: Taxonomy) -> Mapping[str, int]:
    """Count the examples by the categories they may stand for, as ``a|b``."""
    found = Counter("|".join(taxonomy.names[place] for place in target.categories) for target in targets)
    return dict(found.most_common())


def _refuse_unknown(label_map: LabelMap, taxonomy: Taxonomy) -> None:
    named = {name for names in label_map.labels.values() for name in names}
    if unknown := sorted(named - set(taxonomy.names)):
        raise LabelError(
            f"label map of {', '.join(label_map.sources)}: unknown categories {', '.join(unknown)}; "
            f"the taxonomy {taxonomy.name!r} has {', '.join(taxonomy.names)}"
        )
