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
    """A rule that hit."""

    rule: str


class Origin(msgspec.Struct, frozen=True, gc=False):
    """The record that a verdict is about."""

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

    origin: Origin | None = None


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


V = TypeVar("V", bound=Said)

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What JSON that is none, or none of ours, or nested too deep ends in."""

_read_scores: Final = msgspec.json.Decoder(dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]]).decode


@lru_cache(50_000)
def are_scores(raw: bytes) -> bool:
    """Say whether this is an object of probabilities; the same ones come again and again."""
    try:
        _read_scores(raw)
    except UNREADABLE:
        return False
    return True


class VerdictReader(Generic[V]):
    """Reads verdicts as one kind of struct, each by itself: broken ones side by side must not make a whole one."""

    def __init__(self, kind: type[V]) -> None:
        self._read = msgspec.json.Decoder(kind).decode

    def __call__(self, values: Iterable[bytes]) -> list[V]:
        """Read verdicts, in order; what is no verdict is left out."""
        return [verdict for verdict in map(self.one, values) if verdict is not None]

    def one(self, value: bytes) -> V | None:
        """Read one verdict; None where it is none."""
        try:
            verdict = self._read(value)
            return verdict if are_scores(bytes(verdict.scores)) else None
        except UNREADABLE:
            return None
