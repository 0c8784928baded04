"""Recorded verdicts: the fields that comparisons use, and the general reader, which accepts any valid verdict.

A verdict is a few hundred bytes, most of them repeated: in columns, equal score vectors and equal *facts* (everything
else that comparisons use) are stored once and referenced by index.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.policy_columns import ScoreMatrix
from schemas.verdict import Action, ResolvedBy


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A rule that matched."""

    rule: str


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The record that a verdict refers to."""

    topic: str
    partition: int
    offset: int


class Said(msgspec.Struct, frozen=True, gc=False):
    """The decision in a verdict."""

    action: Action
    category: str
    severity: int
    resolved_by: ResolvedBy
    scorer: str
    policy: str
    scores: msgspec.Raw
    matches: tuple[Hit, ...] = ()


class Traced(Said, frozen=True, gc=False):
    """The decision in a verdict, with its record."""

    origin: Origin | None = None


class Seen(Said, frozen=True, gc=False, kw_only=True):
    """The decision in a verdict, with its player and event."""

    event_id: str
    player_id: str
    game_id: str


class Fact(NamedTuple):
    """The decision in a verdict without ids and scores; ``rules`` are the ids that matched."""

    action: Action
    category: str
    severity: int
    resolved_by: ResolvedBy
    scorer: str
    policy: str
    rules: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Verdicts as columns: for each, an index into ``facts`` and a row of ``scores`` (-1: no verdict)."""

    facts: list[Fact]
    fact: NDArray[np.int64]
    names: tuple[str, ...]
    """Categories, one per column of ``scores``."""
    scores: ScoreMatrix
    scored: NDArray[np.bool_]
    """Per row of ``scores``: whether it has any score."""
    score: NDArray[np.int64]


V = TypeVar("V", bound=Said)

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Errors of input that is not JSON, not ours, or nested too deep."""

_read_scores: Final = msgspec.json.Decoder(dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]]).decode


@lru_cache(50_000)
def are_scores(raw: bytes) -> bool:
    """Whether this is an object of probabilities; the same ones recur often."""
    try:
        _read_scores(raw)
    except UNREADABLE:
        return False
    return True


class VerdictReader(Generic[V]):
    """Reads verdicts as one kind of struct, each separately: adjacent fragments must not combine into a valid one."""

    def __init__(self, kind: type[V]) -> None:
        self._read = msgspec.json.Decoder(kind).decode

    def __call__(self, values: Iterable[bytes]) -> list[V]:
        """Read verdicts, in order; other values are skipped."""
        return [verdict for verdict in map(self.one, values) if verdict is not None]

    def one(self, value: bytes) -> V | None:
        """Read one verdict; None if it is not one."""
        try:
            verdict = self._read(value)
            return verdict if are_scores(bytes(verdict.scores)) else None
        except UNREADABLE:
            return None
