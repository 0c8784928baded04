"""A policy over columns: the decisions of ``model.policy.Decider`` for many answers at once, in numpy.

Live traffic decides one answer at a time, backtests a hundred thousand.  A property test checks that the two are equal.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.policy import Circumstances, Decider, Table
from schemas.taxonomy import NON_TOXIC, Taxonomy
from schemas.verdict import ACTIONS, SCORE_DECIMALS

GRID: Final = 10**SCORE_DECIMALS
"""Scores in columns are integers from 0 to ``GRID``: the published grid."""

Codes = NDArray[np.int64]
ScoreMatrix = NDArray[np.uint16]
"""One row per answer, one column per category, in taxonomy order."""


class Asked(NamedTuple):
    """Input of a decision: one entry per answer in every array.

    ``circumstances`` are positions in a separate list.  ``floor_rank`` is the position of the floor's action in
    ``ACTIONS``, 0 if no rule left a floor; ``floor_category`` is then ignored.  ``scored`` is false where no resolver
    could tell; that row of ``scores`` is then ignored.
    """

    scores: ScoreMatrix
    scored: NDArray[np.bool_]
    floor_rank: Codes
    floor_category: Codes
    circumstances: Codes


class Decisions(NamedTuple):
    """Actions (positions in ``ACTIONS``) and deciding categories (positions in the taxonomy), one per answer."""

    actions: Codes
    categories: Codes


class ColumnDecider:
    """A decider for columns."""

    def __init__(self, decider: Decider, taxonomy: Taxonomy) -> None:
        """Take the tables of ``decider``, which is bound to ``taxonomy``."""
        self.digest: Final = decider.digest
        self._decider = decider
        self._size = len(taxonomy.names)
        self._severities = np.array(taxonomy.severities, np.int64)
        self._harmless = taxonomy.names.index(NON_TOXIC)

    def __call__(self, asked: Asked, circumstances: Sequence[Circumstances]) -> Decisions:
        """Decide.  Pure.

        Each reached action is packed into one integer, so that the largest is the answer: rank, then severity, then
        score, then the earlier category.
        """
        flags, blocks = self._thresholds(circumstances)
        scores = asked.scores / GRID
        ranks = (scores >= flags[asked.circumstances]).astype(np.int64)
        ranks += scores >= blocks[asked.circumstances]
        self._raise_together(ranks, asked, circumstances)
        ranks[~asked.scored] = 0
        packed = np.where(ranks > 0, self._packed(ranks, asked.scores.astype(np.int64), np.arange(self._size)), 0)
        best: Codes = packed.max(axis=1, initial=0)
        floors = self._packed(asked.floor_rank, np.full(len(best), GRID, np.int64), asked.floor_category)
        best = np.maximum(best, np.where(asked.floor_rank > 0, floors, 0))
        actions = best >> _RANK
        categories = np.where(best > 0, _LAST - (best & _LAST), self._harmless)
        actions[(best == 0) & ~asked.scored] = self._unscored
        return Decisions(actions, categories)

    def kinds(self, circumstances: Sequence[Circumstances]) -> tuple[list[Circumstances], Codes]:
        """Return the circumstances with distinct thresholds, and for each given circumstance which of them applies."""
        places: dict[Table, int] = {}
        found = [places.setdefault(self._decider.table(each), len(places)) for each in circumstances]
        first = [found.index(place) for place in range(len(places))]
        return [circumstances[place] for place in first], np.array(found, np.int64)

    @property
    def _unscored(self) -> int:
        return ACTIONS.index(self._decider.unscored)

    def _packed(self, ranks: Codes, scores: Codes, categories: Codes) -> Codes:
        packed: Codes = ranks << _RANK | self._severities[categories] << _SEVERITY | scores << _SCORE
        return packed | (_LAST - categories)

    def _raise_together(self, ranks: Codes, asked: Asked, circumstances: Sequence[Circumstances]) -> None:
        """Raise the rank of the likeliest category in the sum to what the sum reaches."""
        tables: dict[Table, int] = {}
        of_circumstance = [tables.setdefault(self._decider.table(each), len(tables)) for each in circumstances]
        of_answer = np.array(of_circumstance, np.int64)[asked.circumstances]
        for table, place in tables.items():
            if table.together is None:
                continue
            members, flag, block = table.together
            rows = np.flatnonzero(of_answer == place)
            scores = asked.scores[rows][:, members].astype(np.int64)
            together = scores.sum(axis=1) / GRID
            reached = (together >= flag).astype(np.int64) + (together >= block)
            likeliest = np.array(members)[scores.argmax(axis=1)]
            ranks[rows, likeliest] = np.maximum(ranks[rows, likeliest], reached)

    def _thresholds(self, circumstances: Sequence[Circumstances]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return flag and block thresholds, one row per circumstance; absent ones can never be reached."""
        flags = np.full((len(circumstances), self._size), np.inf)
        blocks = flags.copy()
        for row, circumstance in enumerate(circumstances):
            for category, flag, block in self._decider.table(circumstance).each:
                flags[row, category] = flag
                blocks[row, category] = block
        return flags, blocks


_LAST: Final = 255
"""The largest position that a category can have."""
_SCORE: Final = 8
_SEVERITY: Final = 20
_RANK: Final = 24
