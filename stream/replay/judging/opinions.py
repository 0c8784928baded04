"""Opinions: the decisions of one side, the baseline or the candidate, for each event of a stretch."""

import math
from dataclasses import dataclass, field
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from model.policy_columns import GRID, Asked, ColumnDecider, ScoreMatrix
from model.resolver import Floor
from schemas.verdict import ACTIONS, ResolvedBy
from stream.replay.history.columns import Codes, distinct
from stream.replay.history.events import Events

RESOLVERS: Final[tuple[ResolvedBy, ...]] = get_args(ResolvedBy)
NO_FLOOR: Final = Floor("allow", 0)


@dataclass(frozen=True, slots=True)
class Opinions:
    """One entry per event in ``actions``, ``categories``, ``rows`` and ``resolved_by``; -1 where there is none.

    ``actions`` are places in ``ACTIONS``, ``categories`` in ``names``, ``resolved_by`` in ``RESOLVERS``.  ``rows`` are
    rows of ``scores``, whose columns ``score_names`` names; a rule's hit counts there as its category at 1.
    """

    actions: Codes
    categories: Codes
    names: tuple[str, ...]
    resolved_by: Codes
    rows: Codes
    scores: ScoreMatrix
    score_names: tuple[str, ...]
    digests: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Scorer and policy of every opinion, where known."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers before a policy: per event a row of ``scores`` (-1: none) and a place in ``floors``."""

    scores: ScoreMatrix
    scored: NDArray[np.bool_]
    row: Codes
    floors: list[Floor]
    floor: Codes
    resolved_by: Codes


def decide(
    answers: Answers,
    events: Events,
    decider: ColumnDecider,
    names: tuple[str, ...],
    digests: frozenset[tuple[str, str]],
) -> Opinions:
    """Decide each distinct combination of scores, floor and kind of circumstances once."""
    given = answers.row >= 0
    circumstances, kind = decider.kinds(events.circumstances)
    shape = (len(answers.scores), len(answers.floors), len(circumstances))
    of_event = answers.row[given], answers.floor[given], kind[events.where[given]]
    keys = np.ravel_multi_index(of_event, _not_empty(shape))
    different, at = distinct(keys.astype(np.int64), math.prod(_not_empty(shape)))
    score, floor, circumstance = (part.astype(np.int64) for part in np.unravel_index(different, _not_empty(shape)))
    ranks = np.array([ACTIONS.index(each.action) for each in answers.floors], np.int64)[floor]
    places = np.array([each.category for each in answers.floors], np.int64)[floor]
    asked = Asked(answers.scores[score], answers.scored[score], ranks, places, circumstance)
    decisions = decider(asked, circumstances)
    hit = np.flatnonzero(ranks > 0)
    asked.scores[hit, places[hit]] = GRID
    return Opinions(
        actions=_spread(decisions.actions, at, given),
        categories=_spread(decisions.categories, at, given),
        names=names,
        resolved_by=np.where(given, answers.resolved_by, -1),
        rows=_spread(np.arange(len(different), dtype=np.int64), at, given),
        scores=asked.scores,
        score_names=names,
        digests=digests,
    )


def _not_empty(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    first, second, third = (max(1, size) for size in shape)
    return first, second, third


def _spread(values: Codes, at: Codes, given: NDArray[np.bool_]) -> Codes:
    """Return each event's value; -1 without an answer."""
    spread = np.full(len(given), -1, np.int64)
    spread[given] = values[at]
    return spread
