"""Label maps: which of our categories a data set's labels stand for, as data.

A label stands for one category or for several: a set that never tells ``taunt`` from clean play says so, and a
model trained on it is not taught that a taunt is clean.
"""

import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import DataError
from model.training.sources import Example
from model.training.tables import MOST_NAMED, shortened
from schemas.faults import faults
from schemas.taxonomy import CategoryName, Taxonomy

DEFAULT_TAXONOMY: Final = Path(__file__).with_name("taxonomy.toml")
DEFAULT_MAPS: Final = Path(__file__).with_name("label_maps")
MOST_LABELS: Final = 50
"""Maximum distinct unknown labels; more mean that the column is not the label."""
FEW_LABELS: Final = 10
"""Up to this many may be typos that never repeat."""


class LabelError(DataError):
    """A label map that cannot be used, or labels that are in no map; the message lists them."""


@dataclass(frozen=True, slots=True)
class Target:
    """The target of an example: one of ``categories`` (positions), and its weight."""

    categories: tuple[int, ...]
    weight: float


class LabelMap(BaseModel):
    """Meanings of the labels of some sources; of several labels of an example the first listed decides."""

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
        except ValidationError as exc:
            raise LabelError(f"{path}: {faults(exc)}") from exc
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
            raise LabelError(f"{path}: {exc}") from exc

    def meaning(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Return the categories that the labels of one example may stand for; none if a label is unknown."""
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
            LabelError: a map cannot be used, or none exists.
        """
        files = sorted(maps.glob("*.toml"))
        if not files:
            raise LabelError(f"{maps}: no label maps (*.toml) in this folder")
        return cls((LabelMap.from_toml(file) for file in files), Taxonomy.from_toml(taxonomy))

    def targets(self, examples: Sequence[Example]) -> list[Target]:
        """Return each example's target, in order.

        Raises:
            LabelError: labels without a meaning: some of them, shortened, with their rows; none if there are so many
                that another column was read as the label.
        """
        meanings = [self._meaning(example) for example in examples]
        unmapped: dict[tuple[str, str], list[int]] = defaultdict(list)
        for example, meaning in zip(examples, meanings, strict=True):
            if not meaning.categories:
                unmapped[example.source, " + ".join(example.labels)].append(example.row)
        if unmapped:
            raise LabelError(_unknown(unmapped))
        return meanings

    def _meaning(self, example: Example) -> Target:
        label_map = self._by_source.get(example.source)
        names = label_map.meaning(example.labels) if label_map else ()
        return Target(tuple(map(self.taxonomy.names.index, names)), label_map.weight if label_map else 0.0)


def counts(targets: Iterable[Target], taxonomy: Taxonomy) -> Mapping[str, int]:
    """Count the examples by the categories they may stand for, as ``a|b``."""
    found = Counter("|".join(taxonomy.names[place] for place in target.categories) for target in targets)
    return dict(found.most_common())


def _unknown(unmapped: Mapping[tuple[str, str], Sequence[int]]) -> str:
    """Describe unknown labels, given by source with their rows.

    Very many labels, or ones that hardly repeat, are from the wrong column: chat, which no message may quote.
    """
    rows = sum(map(len, unmapped.values()))
    if len(unmapped) > MOST_LABELS or (len(unmapped) > FEW_LABELS and 2 * len(unmapped) > rows):
        sources = ", ".join(sorted({source for source, _ in unmapped}))
        return f"{sources}: {len(unmapped)} different values have no meaning as labels; is it the label column?"
    lines = [
        f"  {source}: {repr(shortened(label)) if label else 'no label'} ({_places(found)})"
        for (source, label), found in sorted(unmapped.items())
    ]
    if len(lines) > MOST_NAMED:
        lines[MOST_NAMED:] = [f"  and {len(lines) - MOST_NAMED} more"]
    return "\n".join(["labels without a meaning in any label map:", *lines, "add them to a map, or drop the rows"])


def _places(rows: Sequence[int]) -> str:
    if not rows[0]:
        return f"{len(rows)} rows"
    return f"row {rows[0]}" + (f" and {len(rows) - 1} more" if len(rows) > 1 else "")


def _refuse_unknown(label_map: LabelMap, taxonomy: Taxonomy) -> None:
    named = {name for names in label_map.labels.values() for name in names}
    if unknown := sorted(named - set(taxonomy.names)):
        raise LabelError(
            f"label map of {', '.join(label_map.sources)}: unknown categories {', '.join(unknown)}; "
            f"the taxonomy {taxonomy.name!r} has {', '.join(taxonomy.names)}"
        )
