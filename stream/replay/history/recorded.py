"""Recorded verdicts as columns.

A verdict is a few hundred bytes, most of them said many times over: equal score vectors and equal *facts* (everything
else that a comparison looks at) are kept once and pointed to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.policy_columns import GRID, ScoreMatrix
from schemas.verdict import Action, ResolvedBy


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A rule that hit."""

    rule: str


class _Origin(msgspec.Struct, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What of a verdict a replay reads."""

    event_id: str
    player_id: str
    game_id: str
    action: Action
    category: str
    severity: int
    resolved_by: ResolvedBy
    scorer: str
    policy: str
    scores: msgspec.Raw
    matches: tuple[Hit, ...] = ()
    origin: _Origin | None = None


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


_read_many: Final = msgspec.json.Decoder(list[Seen]).decode
_read_one: Final = msgspec.json.Decoder(Seen).decode
_read_scores: Final = msgspec.json.Decoder(list[dict[str, float]]).decode


def decode_verdicts(values: Sequence[bytes | None]) -> list[Seen]:
    """Read verdicts, in order; what is no verdict is left out."""
    present = [value for value in values if value is not None]
    try:
        return _read_many(b"[" + b",".join(present) + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [seen for seen in map(decode_verdict, present) if seen is not None]


def decode_verdict(value: bytes) -> Seen | None:
    """Read one verdict; None where it is none."""
    try:
        return _read_one(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class RecordedColumns:
    """Gathers verdicts into columns."""

    def __init__(self) -> None:
        self._facts: dict[tuple[object, ...], int] = {}
        self._scores: dict[bytes, int] = {}
        self._fact: list[int] = []
        self._score: list[int] = []

    def add(self, verdicts: Sequence[Seen]) -> tuple[list[int], list[int]]:
        """Add verdicts; returns each one's fact and row of scores."""
        facts, scores = self._facts, self._scores
        keys = [(v.action, v.category, v.severity, v.resolved_by, v.scorer, v.policy, v.matches) for v in verdicts]
        fact = [facts.setdefault(key, len(facts)) for key in keys]
        score = [scores.setdefault(bytes(v.scores), len(scores)) for v in verdicts]
        self._fact += fact
        self._score += score
        return fact, score

    def columns(self) -> Recorded:
        """Return what was gathered."""
        names, matrix, scored = _matrix(list(self._scores))
        return Recorded(
            [Fact(*key) for key in self._facts],  # type: ignore[arg-type]  # built in this order by add
            np.array(self._fact, np.int64),
            names,
            matrix,
            scored,
            np.array(self._score, np.int64),
        )


def _matrix(raws: list[bytes]) -> tuple[tuple[str, ...], ScoreMatrix, NDArray[np.bool_]]:
    """Parse distinct score objects into one matrix over all the categories they name."""
    parsed = _read_scores(b"[" + b",".join(raws) + b"]")
    shapes = list(dict.fromkeys(tuple(scores) for scores in parsed))
    names = tuple(dict.fromkeys(name for shape in shapes for name in shape))
    scored = np.array([bool(scores) for scores in parsed], np.bool_)
    if len(shapes) == 1:
        values = np.array([list(scores.values()) for scores in parsed], np.float64).reshape(len(parsed), len(names))
    else:
        values = np.array([[scores.get(name, 0.0) for name in names] for scores in parsed], np.float64)
        values = values.reshape(len(parsed), len(names))
    return names, np.rint(values * GRID).astype(np.uint16), scored
