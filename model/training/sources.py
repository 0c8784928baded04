"""Readers: files of labelled or raw text become examples.

A reader keeps the labels of its set; ``labels`` maps them to our categories.  Texts are canonical, as in production.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from model.normalise import canonical
from model.training.tables import Row, SourceError, listed, read_rows


@dataclass(frozen=True, slots=True)
class Example:
    """One text with the labels that its set gives it.

    Examples with the same ``match`` (a game, a conversation) stay on one side of a split; empty if the set has none.
    ``subset`` is a finer kind within a set (a functional test's name, a template).
    """

    text: str
    labels: tuple[str, ...]
    source: str
    match: str = ""
    subset: str = ""
    row: int = field(default=0, compare=False)
    """Its row in the table, from 1, for messages; 0 if unknown."""


def read_table(
    path: Path,
    *,
    text: str,
    label: str | None = None,
    match: str | None = None,
    subset: str | None = None,
    source: str | None = None,
) -> list[Example]:
    """Return the examples of any table, one row each, with the names of its columns given.

    Raises:
        SourceError: a named column is missing, or a text is empty.
    """
    examples = []
    for number, row in enumerate(read_rows(path), 1):
        wanted = [name for name in (text, label, match, subset) if name is not None]
        if missing := [name for name in wanted if name not in row]:
            raise SourceError(f"{path}, row {number}: no column {missing[0]!r}; it has {listed(row)}")
        labels = () if label is None else (_cell(row, label),)
        group = "" if match is None else _cell(row, match)
        kind = "" if subset is None else _cell(row, subset)
        examples.append(Example(canonical(_cell(row, text)), labels, source or path.stem, group, kind, number))
    return [example for example in examples if example.text]


def read_public(directory: Path, source: str) -> list[Example]:
    """Return one of the public sets, by name (``PUBLIC``), from the directory of their files.

    Raises:
        SourceError: the name is unknown or the file is missing.
    """
    if source not in PUBLIC:
        raise SourceError(f"unknown source {source!r}; known: {', '.join(sorted(PUBLIC))}")
    file, reader = PUBLIC[source]
    examples = reader(read_rows(directory / file), source)
    return [example for example in examples if example.text]


def _cell(row: Row, name: str) -> str:
    value = row[name]
    return "" if value is None or value != value else str(value)  # NaN, for a missing cell, is not itself


def _one_column(text: str, label: str) -> Callable[[Iterable[Row], str], Iterator[Example]]:
    def read(rows: Iterable[Row], source: str) -> Iterator[Example]:
        for row in rows:
            yield Example(canonical(_cell(row, text)), (_cell(row, label),), source)

    return read


def _gametox(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        if label := _cell(row, "label"):
            yield Example(canonical(_cell(row, "message")), (label,), source)


def _conda(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        text = canonical(_cell(row, "utterance").replace("[SEPA]", " "))
        tags = [part.rpartition("(")[2].rstrip(")") for part in _cell(row, "slot_tokens").split(", ")]
        explicit = "E aimed" if {"P", "C"} & set(tags) or "T" not in tags else "E at nobody"
        intent = _cell(row, "intent")
        yield Example(text, (explicit if intent == "E" else intent,), source, match=_cell(row, "match_id"))


def _twitch(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        yield Example(canonical(_cell(row, "text")), (), source)


_JIGSAW: Final = ("threat", "identity_hate", "insult", "obscene", "severe_toxic", "toxic")


def _jigsaw(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        labels = tuple(name for name in _JIGSAW if _cell(row, name) == "1") or ("none",)
        yield Example(canonical(_cell(row, "comment_text")), labels, source)


def _olid(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        levels = (_cell(row, f"subtask_{level}") for level in "abc")
        label = " ".join(level for level in levels if level not in ("", "NULL"))
        text = _cell(row, "tweet").replace("@USER", "").replace("URL", "")
        yield Example(canonical(text), (label,), source)


def _noisyhate(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        yield Example(canonical(_cell(row, "clean")), ("clean spelling",), source)
        yield Example(canonical(_cell(row, "perturbed")), ("disguised",), source)


def _hatemoji(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        label = (_cell(row, "label_gold"), _cell(row, "type"))
        yield Example(canonical(_cell(row, "text")), (" ".join(label).strip(),), source)


def _hatecheck(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        kind, gold = _cell(row, "functionality"), _cell(row, "label_gold")
        label = "threat" if kind.startswith("threat") else kind if kind.startswith("target_") else gold
        template = f"{kind} {_cell(row, 'templ_id')}"
        yield Example(canonical(_cell(row, "test_case")), (label,), source, match=template, subset=kind)


def _madlibs(rows: Iterable[Row], source: str) -> Iterator[Example]:
    for row in rows:
        kind = _cell(row, "Template")
        yield Example(canonical(_cell(row, "Text")), (_cell(row, "Label"),), source, subset=kind)


_Reader = Callable[[Iterable[Row], str], Iterator[Example]]
PUBLIC: Final[Mapping[str, tuple[str, _Reader]]] = {
    "gametox": ("gametox_train.csv", _gametox),
    "gametox_dev": ("gametox_dev.csv", _gametox),
    "conda": ("conda_train.csv", _conda),
    "twitch": ("twitch_pubg.csv.gz", _twitch),
    "jigsaw": ("jigsaw_six_labels.csv.gz", _jigsaw),
    "olid": ("olid_train.csv.gz", _olid),
    "davidson": ("davidson.csv.gz", _one_column("text", "class")),
    "surge": ("surge_toxicity.csv", _one_column("text", "is_toxic")),
    "noisyhate": ("noisyhate_pairs.csv", _noisyhate),
    "hatemoji": ("hatemoji_build_train.csv", _hatemoji),
    "hatecheck": ("hatecheck_half.csv", _hatecheck),
    "madlibs": ("bias_madlibs_77k.csv.gz", _madlibs),
}
"""Public sets by name: the file and the reader of its columns."""
