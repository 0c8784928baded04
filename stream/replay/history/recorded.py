"""Recorded verdicts as columns.

A verdict is a few hundred bytes, most of them said many times over: equal score vectors and equal *facts* (everything
else that a comparison looks at) are kept once and pointed to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from model.policy_columns import GRID, ScoreMatrix
from schemas.verdict import Action, ResolvedBy
from stream.replay.history.columns import Numbers


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A rule that hit."""

    rule: str


class _Origin(msgspec.Struct, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int


class Said(msgspec.Struct, frozen=True, gc=False):
    """What a verdict says."""

    action: Action
    category: str
    severity: int
    resolved_by: ResolvedBy
    scorer: str
    policy: str
    scores: msgspec.Raw
    matches: tuple[Hit, ...] = ()


class Traced(Said, frozen=True, gc=False):
    """What a verdict says, with the record that it is about."""

    origin: _Origin | None = None


class Seen(Said, frozen=True, gc=False, kw_only=True):
    """What a verdict says, with whom and which event it is about."""

    event_id: str
    player_id: str
    game_id: str


class Fact(NamedTuple):
    """What a verdict says besides whose it is and the scores; ``rules`` are the ids that hit."""

    action: Action
    category: str
    severity: int
    resolved_by: ResolvedBy
    scorer: str
    policy: str
    rules: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Verdicts as columns: for each, a place in ``facts`` and a row of ``scores`` (-1: there is no verdict)."""

    facts: list[Fact]
    fact: NDArray[np.int64]
    names: tuple[str, ...]
    """Categories, one per column of ``scores``."""
    scores: ScoreMatrix
    scored: NDArray[np.bool_]
    """Per row of ``scores``: whether it says anything."""
    score: NDArray[np.int64]


_read_scores: Final = msgspec.json.Decoder(list[dict[str, float]]).decode
_as_fact: Final = attrgetter("action", "category", "severity", "resolved_by", "scorer", "policy", "matches")
_as_scores: Final = attrgetter("scores")

V = TypeVar("V", bound=Said)


class VerdictReader(Generic[V]):
    """Reads verdicts as one kind of struct."""

    def __init__(self, kind: type[V]) -> None:
        self._many = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]  # a type at run time
        self._one = msgspec.json.Decoder(kind).decode

    def __call__(self, values: Sequence[bytes | None]) -> list[V]:
        """Read verdicts, in order; what is no verdict is left out."""
        present = [value for value in values if value is not None]
        try:
            return self._many(b"[" + b",".join(present) + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [seen for seen in map(self.one, present) if seen is not None]

    def one(self, value: bytes) -> V | None:
        """Read one verdict; None where it is none."""
        try:
            return self._one(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


class RecordedColumns:
    """Gathers verdicts into columns."""

    def __init__(self) -> None:
        self._facts = Numbers[Any]()
        self._scores = Numbers[bytes]()
        self._fact: list[int] = []
        self._score: list[int] = []

    def add(self, verdicts: Sequence[Said]) -> tuple[list[int], list[int]]:
        """Add verdicts; returns each one's fact and row of scores."""
        fact = list(map(self._facts.__getitem__, map(_as_fact, verdicts)))
        score = list(map(self._scores.__getitem__, map(bytes, map(_as_scores, verdicts))))
        self._fact += fact
        self._score += score
        return fact, score

    def columns(self) -> Recorded:
        """Return what was gathered."""
        names, matrix, scored = _matrix(list(self._scores))
        facts = [Fact(*key) for key in self._facts]
        fact, score = np.array(self._fact, np.int64), np.array(self._score, np.int64)
        return Recorded(facts, fact, names, matrix, scored, score)


def _matrix(raws: list[bytes]) -> tuple[tuple[str, ...], ScoreMatrix, NDArray[np.bool_]]:
    """Parse distinct score objects into one matrix over all the categories they name."""
    array = b"[" + b",".join(raws) + b"]"
    scored = np.array([raw != b"{}" for raw in raws], np.bool_)
    first = next((raw for raw in raws if raw != b"{}"), b"{}")
    names = tuple(_read_scores(b"[" + first + b"]")[0])
    try:
        parsed: Iterable[tuple[float, ...]] = map(astuple, msgspec.json.decode(array, type=list[_row_of(names)]))  # type: ignore[misc]  # a type at run time
    except msgspec.ValidationError:
        found = _read_scores(array)
        names = tuple(dict.fromkeys(name for scores in found for name in scores))
        parsed = (tuple(scores.get(name, 0.0) for name in names) for scores in found)
    values = np.fromiter(chain.from_iterable(parsed), np.float64, len(raws) * len(names))
    return names, np.rint(values * GRID).astype(np.uint16).reshape(len(raws), len(names)), scored


def _row_of(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """Return a struct with these categories and no others: a row is read faster into it than into a dictionary."""
    fields = [(f"c{place}", float, 0.0) for place in range(len(names))]
    renamed = {f"c{place}": name for place, name in enumerate(names)}
    return msgspec.defstruct("Row", fields, rename=renamed, forbid_unknown_fields=True, gc=False)
