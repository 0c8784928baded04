"""Counts of one stretch, or of many: integers that can be added in any order.

All figures of a report follow from them.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.policy_columns import GRID
from schemas.taxonomy import NON_TOXIC
from schemas.verdict import ACTIONS
from stream.replay.history.columns import Codes, distinct
from stream.replay.history.events import Events
from stream.replay.judging.foreign import Foreign
from stream.replay.judging.opinions import RESOLVERS, Opinions

SideName = Literal["baseline", "candidate"]
SIDES: Final[tuple[SideName, SideName]] = ("baseline", "candidate")
ANY: Final = ""
"""The pseudo-category of the sum of a message's scores, without ``non_toxic``."""
NOBODY: Final = ""
"""The action of a side without a decision."""
TRUTHS: Final = 3
"""A histogram's rows: not of the category, of it, unknown."""
Histogram = NDArray[np.int64]
"""Events by truth and score: ``TRUTHS`` rows, one column per step of the grid."""


class Cell(NamedTuple):
    """Events that are equal in everything that a report breaks down by."""

    game: str
    channel_kind: str
    lang: str
    baseline_action: str
    baseline_category: str
    candidate_action: str
    candidate_category: str


class Labelled(NamedTuple):
    """Labelled events that are equal in label and decisions."""

    label: str
    baseline_action: str
    baseline_category: str
    candidate_action: str
    candidate_category: str


@dataclass(frozen=True, slots=True)
class Truth:
    """The true category of each event: an index into ``names``, -1 where it is unknown."""

    places: Codes
    names: list[str]

    @classmethod
    def by_labels(cls, labels: list[str | None]) -> Self:
        """Use the labels as truth."""
        return cls(*_numbered(labels))

    @classmethod
    def by_opinions(cls, side: Opinions) -> Self:
        """Use a side's decisions as truth: the category it acts on."""
        return cls(side.categories, list(side.names))

    def rows(self, category: str) -> Codes:
        """Return, per name and last for none, a histogram's row: 0 not of the category, 1 of it, 2 unknown."""
        positive = [name != NON_TOXIC if category == ANY else name == category for name in self.names]
        return np.array([*positive, TRUTHS - 1], np.int64)


def _numbered(labels: list[str | None]) -> tuple[Codes, list[str]]:
    known: dict[str, int] = {}
    places = [-1 if label is None else known.setdefault(label, len(known)) for label in labels]
    return np.array(places, np.int64), list(known)


@dataclass(slots=True)
class Counts:
    """See the module.  ``scores`` maps side and category to a histogram; ``digests`` are scorers and policies."""

    cells: Counter[Cell] = field(default_factory=Counter)
    labelled: Counter[Labelled] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    resolved_by: Counter[tuple[str, str]] = field(default_factory=Counter)
    scores: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    digests: set[tuple[str, str, str]] = field(default_factory=set)
    foreign: Counter[str] = field(default_factory=Counter)
    """Recorded verdicts by named categories that the candidate lacks."""
    left_out: int = 0
    """Those of them without a decision of the candidate."""

    def note(self, found: Foreign, candidate: Opinions) -> None:
        """Count recorded verdicts that name categories which the candidate lacks."""
        self.foreign.update(found.names)
        self.left_out += int((found.naming & (candidate.actions < 0)).sum())

    def add(self, other: "Counts") -> None:
        """Add the counts of other events."""
        self.cells.update(other.cells)
        self.labelled.update(other.labelled)
        self.dead_letters.update(other.dead_letters)
        self.resolved_by.update(other.resolved_by)
        self.digests |= other.digests
        self.foreign.update(other.foreign)
        self.left_out += other.left_out
        for key, histogram in other.scores.items():
            mine = self.scores.get(key)
            self.scores[key] = histogram if mine is None else mine + histogram


def count(events: Events, baseline: Opinions, candidate: Opinions, truth: Truth) -> Counts:
    """Count a stretch; ``truth`` is what scores are measured against."""
    counts = Counts(dead_letters=Counter(events.dead_letters))
    both = _Pairs(baseline, candidate)
    radix = max(1, len(events.circumstances))
    for key, amount in _tally(both.codes * radix + events.where):
        pair, where = divmod(key, radix)
        circumstance = events.circumstances[where]
        cell = Cell(circumstance.game, circumstance.channel_kind or "", circumstance.lang, *both.read(pair))
        counts.cells[cell] += amount
    if events.labels:
        _count_labels(counts, events.labels, both)
    for name, side in zip(SIDES, (baseline, candidate), strict=True):
        for place, amount in _tally(side.resolved_by[side.resolved_by >= 0]):
            counts.resolved_by[name, RESOLVERS[place]] += amount
        counts.digests |= {(name, scorer, policy) for scorer, policy in side.digests}
        counts.scores |= _histograms(name, side, truth)
    return counts


def _tally(codes: Codes) -> list[tuple[int, int]]:
    values, places = distinct(codes, int(codes.max(initial=-1)) + 1)
    return list(zip(values.tolist(), np.bincount(places, minlength=len(values)).tolist(), strict=True))


class _Pairs:
    """Numbers the combinations of both sides' actions and categories."""

    def __init__(self, baseline: Opinions, candidate: Opinions) -> None:
        self._sides = (baseline, candidate)
        codes = [(side.actions + 1) * (len(side.names) + 1) + side.categories + 1 for side in self._sides]
        self._radix = 4 * (len(candidate.names) + 1)
        self.codes: Codes = codes[0] * self._radix + codes[1]

    def read(self, code: int) -> tuple[str, str, str, str]:
        """Return baseline action and category, candidate action and category."""
        first, second = divmod(code, self._radix)
        return *self._part(self._sides[0], first), *self._part(self._sides[1], second)

    def _part(self, side: Opinions, code: int) -> tuple[str, str]:
        action, category = divmod(code, len(side.names) + 1)
        return (ACTIONS[action - 1], side.names[category - 1]) if action else (NOBODY, NOBODY)


def _count_labels(counts: Counts, labels: list[str | None], both: _Pairs) -> None:
    places, names = _numbered(labels)
    radix = max(1, len(names))
    given = places >= 0
    for key, amount in _tally(both.codes[given] * radix + places[given]):
        pair, label = divmod(key, radix)
        counts.labelled[Labelled(names[label], *both.read(pair))] += amount


def _histograms(name: SideName, side: Opinions, truth: Truth) -> dict[tuple[str, str], Histogram]:
    """Count events by truth and score, for each category that the side scores and for all of them together."""
    found: dict[tuple[str, str], Histogram] = {}
    given = side.rows >= 0
    if not side.score_names or not given.any():
        return found
    # Events with equal scores and truth are counted together, then once for each category.
    radix = len(truth.names) + 1
    keys, places = distinct(side.rows[given] * radix + truth.places[given] + 1, len(side.scores) * radix)
    alike = np.bincount(places)
    rows, true = np.divmod(keys, radix)
    toxic = [place for place, category in enumerate(side.score_names) if category != NON_TOXIC]
    scores = side.scores[rows]
    together = scores[:, toxic].sum(axis=1, dtype=np.int64).clip(max=GRID)
    columns = [(ANY, together), *((side.score_names[n], scores[:, n].astype(np.int64)) for n in toxic)]
    for category, column in columns:
        cells = truth.rows(category)[true - 1] * (GRID + 1) + column
        flat = np.bincount(cells, alike, TRUTHS * (GRID + 1))
        found[name, category] = flat.reshape(TRUTHS, GRID + 1).astype(np.int64)
    return found


class _Document(msgspec.Struct):
    """Counts as stored in a file; histograms as (side, category, truth, score, events), without zeros."""

    cells: list[tuple[Cell, int]]
    labelled: list[tuple[Labelled, int]]
    dead_letters: dict[str, int]
    resolved_by: list[tuple[tuple[str, str], int]]
    scores: list[tuple[str, str, list[tuple[int, int, int]]]]
    digests: list[tuple[str, str, str]]
    foreign: dict[str, int]
    left_out: int


def write_counts(counts: Counts) -> bytes:
    """Write counts as JSON; equal counts give equal bytes."""
    return msgspec.json.encode(
        _Document(
            cells=sorted(counts.cells.items()),
            labelled=sorted(counts.labelled.items()),
            dead_letters=dict(sorted(counts.dead_letters.items())),
            resolved_by=sorted(counts.resolved_by.items()),
            scores=[(*key, _sparse(counts.scores[key])) for key in sorted(counts.scores)],
            digests=sorted(counts.digests),
            foreign=dict(sorted(counts.foreign.items())),
            left_out=counts.left_out,
        )
    )


def read_counts(raw: bytes) -> Counts:
    """Read what ``write_counts`` wrote.

    Raises:
        msgspec.MsgspecError: it was not.
    """
    document = msgspec.json.decode(raw, type=_Document)
    return Counts(
        cells=Counter(dict(document.cells)),
        labelled=Counter(dict(document.labelled)),
        dead_letters=Counter(document.dead_letters),
        resolved_by=Counter(dict(document.resolved_by)),
        scores={(side, category): _dense(entries) for side, category, entries in document.scores},
        digests=set(document.digests),
        foreign=Counter(document.foreign),
        left_out=document.left_out,
    )


def _sparse(histogram: Histogram) -> list[tuple[int, int, int]]:
    truths, scores = np.nonzero(histogram)
    return list(zip(truths.tolist(), scores.tolist(), histogram[truths, scores].tolist(), strict=True))


def _dense(entries: list[tuple[int, int, int]]) -> Histogram:
    histogram = np.zeros((TRUTHS, GRID + 1), np.int64)
    for truth, score, amount in entries:
        histogram[truth, score] = amount
    return histogram
