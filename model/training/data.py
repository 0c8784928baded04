"""Data for training and measuring: own lines, public sets, and the splits."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from model.errors import DataError
from model.training.labels import LabelError, LabelMap, LabelMaps, Target, counts
from model.training.sources import PUBLIC, Example, read_public, read_table
from model.training.splits import Split, refuse_leaks, split_by_match, split_by_text, without
from model.training.tables import SourceError, listed
from schemas.taxonomy import Taxonomy

OWN: Final = "own lines"
"""Source name of all of a studio's lines, whatever its files: a match in two files is the same match."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Column names of a table; lines of one ``match`` stay on one side of a split."""

    text: str = "text"
    label: str = "label"
    match: str | None = None
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Examples with their targets, in the same order."""

    examples: list[Example] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def texts(self) -> list[str]:
        """The canonical texts."""
        return [example.text for example in self.examples]


@dataclass(frozen=True, slots=True)
class Sides:
    """A split with its targets."""

    train: Labelled
    dev: Labelled
    test: Labelled


def bind(examples: Sequence[Example], maps: LabelMaps) -> Labelled:
    """Give every example its target.

    Raises:
        LabelError: labels that are in no map.
    """
    return Labelled(list(examples), maps.targets(examples))


def read_own(path: Path, columns: Columns, taxonomy: Taxonomy, label_map: Path | None = None) -> Labelled:
    """Read a studio's table.  Without a label map its labels are category names.

    Raises:
        SourceError: the file cannot be read as asked.
        LabelError: labels without a meaning, or a label map that cannot be used.
        DataError: no row has a text.
    """
    examples = read_table(
        path, text=columns.text, label=columns.label, match=columns.match, subset=columns.lang, source=OWN
    )
    if not examples:
        raise DataError(f"{path}: no row has text in column {columns.text!r}; name the right column")
    maps = _own_map(taxonomy, label_map)
    try:
        return bind(examples, maps)
    except LabelError as exc:
        raise LabelError(f"{path}, column {columns.label!r}: {exc}") from exc


def _own_map(taxonomy: Taxonomy, file: Path | None) -> LabelMaps:
    if file is None:
        return LabelMaps([LabelMap(sources=(OWN,), labels={name: (name,) for name in taxonomy.names})], taxonomy)
    meaning = LabelMap.from_toml(file).model_copy(update={"sources": (OWN,)})
    try:
        return LabelMaps([meaning], taxonomy)
    except LabelError as exc:
        raise LabelError(f"{file}: {exc}") from exc


def split_own(own: Labelled, *, dev: float, test: float, seed: int) -> Sides:
    """Split by match if every line has one, else by normal form; no text is on two sides.

    Raises:
        DataError: too few lines for three sides.
        LeakError: a text or match is on two sides.
    """
    by_match = all(example.match for example in own.examples)
    split = (split_by_match if by_match else split_by_text)(own.examples, dev=dev, test=test, seed=seed)
    sides = _with_targets(split, own)
    if not (sides.train and sides.dev and sides.test):
        sizes = f"{len(sides.train)} / {len(sides.dev)} / {len(sides.test)}"
        raise DataError(f"the split leaves {sizes} lines for training, development and test; give more distinct lines")
    refuse_leaks(sides.train.examples, [*sides.dev.examples, *sides.test.examples])
    return sides


def _with_targets(split: Split, own: Labelled) -> Sides:
    known = dict(zip(own.examples, own.targets, strict=True))

    def bound(examples: list[Example]) -> Labelled:
        return Labelled(examples, [known[example] for example in examples])

    return Sides(bound(split.train), bound(split.dev), bound(split.test))


def hold_back(train: Labelled, held_back: Labelled) -> None:
    """Refuse a held-out set that overlaps with the training data.

    Raises:
        LeakError: how many texts and matches are on both sides.
    """
    refuse_leaks(train.examples, held_back.examples)


def read_mapped(directory: Path, sources: Iterable[str], maps: LabelMaps, closed: Iterable[Example]) -> Labelled:
    """Read public sets by name, without any text that ``closed`` has.

    Raises:
        SourceError: no set is named, or one is unknown, has no label map or is missing.
        LabelError: labels without a meaning.
    """
    held_back, sources = list(closed), list(sources)
    mapped = sorted(source for label_map in maps.maps for source in label_map.sources if source in PUBLIC)
    if unknown := [source for source in sources if source not in mapped]:
        raise SourceError(f"no labelled public set is called {listed(unknown)}; known: {', '.join(mapped)}")
    if not sources:
        raise SourceError(f"no public set is named; known: {', '.join(mapped)}")
    examples = [example for source in sources for example in read_public(directory, source)]
    return bind(without(examples, held_back), maps)


def onto(data: Labelled, theirs: Taxonomy, ours: Taxonomy) -> Labelled:
    """Convert mapped data from one taxonomy to another by category name.

    Categories that ours lacks are dropped from each meaning; lines without any left are dropped.
    """
    if theirs.names == ours.names:
        return data
    places = {place: ours.names.index(name) for place, name in enumerate(theirs.names) if name in ours.names}
    brought = Labelled()
    for example, target in zip(data.examples, data.targets, strict=True):
        kept = tuple(places[category] for category in target.categories if category in places)
        if kept:
            brought.examples.append(example)
            brought.targets.append(Target(kept, target.weight))
    return brought


def join(parts: Iterable[Labelled]) -> Labelled:
    """Concatenate sets."""
    joined = Labelled()
    for part in parts:
        joined.examples.extend(part.examples)
        joined.targets.extend(part.targets)
    return joined


def fingerprint(data: Labelled) -> str:
    """Digest of texts and targets, independent of their order.  128 bits, in hex."""
    rows = sorted(
        hashlib.blake2b(f"{example.text}\0{target.categories}\0{target.weight}".encode(), digest_size=16).digest()
        for example, target in zip(data.examples, data.targets, strict=True)
    )
    return hashlib.blake2b(b"".join(rows), digest_size=16).hexdigest()


def summary(data: Labelled, taxonomy: Taxonomy) -> dict[str, int]:
    """Count the rows by what they may stand for."""
    return dict(counts(data.targets, taxonomy))
