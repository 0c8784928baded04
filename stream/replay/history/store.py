"""Recorded verdicts, indexed on disk for look-up by event.

Events and verdicts are in different topics with different keys, and so in different partitions.  Verdicts are read
first, a stretch at a time: each stretch's columns go into files of its own, and each verdict's index into a table in
which events are looked up.  This takes disk space, not memory.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from stream.replay.damage import damaged
from stream.replay.history.columns import distinct
from stream.replay.history.events import Events
from stream.replay.history.gathering import Cases, RecordedColumns
from stream.replay.history.recorded import Fact, Recorded
from stream.replay.history.stretch import RawBatch
from stream.replay.history.tables import CASES, Entries, Table

LOADED: Final = 64
"""Stretches of verdicts whose cases are cached; their scores are memory-mapped."""


class _About(msgspec.Struct):
    """A stretch's cases without their scores; its file marks the stretch as complete."""

    fact: list[int]
    score: list[int]
    facts: list[Fact]
    names: tuple[str, ...]
    scored: list[bool]
    kept: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class RecordedStore:
    """The columns of every stretch of verdicts, and the table that points to them."""

    folder: Path
    table: Table
    _loaded: OrderedDict[int, Cases] = field(default_factory=OrderedDict, init=False, repr=False)

    def has(self, number: int) -> bool:
        """Whether a stretch of verdicts is stored completely."""
        return self._path(number, "json").exists()

    def keep(self, number: int, batches: Iterable[RawBatch]) -> int:
        """Store a stretch of verdicts; repeating it changes nothing.  Returns how many there were."""
        columns = RecordedColumns()
        kept = unreadable = 0
        self.table.begin(number)
        for batch in batches:
            found = self.table.keep(number, batch.values, columns)
            kept += found
            unreadable += len(batch.values) - found
        fact, score, facts, names, scores, scored = columns.cases()
        np.save(self._path(number, "npy"), scores)
        about = _About(fact.tolist(), score.tolist(), facts, names, scored.tolist(), kept, unreadable)
        unfinished = self._path(number, "part")
        unfinished.write_bytes(msgspec.json.encode(about))
        unfinished.replace(self._path(number, "json"))
        return kept

    def find(self, events: Events) -> Recorded:
        """Return the recorded verdicts of events, as columns."""
        return self.gather(self.table.find(events))

    def gather(self, entries: Entries) -> Recorded:
        """Return the verdicts that entries point to, as columns."""
        numbers = [int(source) - 1 for source in np.unique(entries // CASES) if source]
        return _gather(entries, numbers, [self._load(number) for number in numbers])

    def _load(self, number: int) -> Cases:
        """Return the cases of a stretch, cached, since neighbouring events share them."""
        cases = self._loaded.pop(number, None)
        if cases is None:
            cases = self._read(number)
            if len(self._loaded) >= LOADED:
                self._loaded.popitem(last=False)
        self._loaded[number] = cases
        return cases

    def _read(self, number: int) -> Cases:
        path = self._path(number, "json")
        try:
            about = msgspec.json.decode(path.read_bytes(), type=_About)
            scores = np.load(self._path(number, "npy"), mmap_mode="r")
        except (msgspec.MsgspecError, EOFError, ValueError) as exc:
            raise damaged(path) from exc
        fact, score = np.array([about.fact, about.score], np.int64)
        return Cases(fact, score, about.facts, about.names, scores, np.array(about.scored, np.bool_))

    def _path(self, number: int, suffix: str) -> Path:
        return self.folder / f"verdicts-{number:06d}.{suffix}"


def _gather(entries: Entries, numbers: Sequence[int], kept: Sequence[Cases]) -> Recorded:
    """Collect the facts and scores that entries point to from their stretches.

    ``kept`` are the cases of the stretches with these ``numbers``, numbered consecutively.
    """
    first = np.cumsum([0, *(len(cases.fact) for cases in kept)])
    shift = np.zeros(max(numbers, default=-1) + 2, np.int64)
    shift[np.array(numbers, np.int64) + 1] = first[:-1]
    given = entries > 0
    sources, places = np.divmod(entries[given], CASES)
    used, at = distinct(shift[sources] + places, int(first[-1]))
    names = tuple(dict.fromkeys(name for cases in kept for name in cases.names))
    facts: dict[Fact, int] = {}
    fact_of, score_of = np.zeros((2, len(used)), np.int64)
    matrices, scored = [np.empty((0, len(names)), np.uint16)], [np.empty(0, np.bool_)]
    rows = 0
    borders = np.searchsorted(used, first)
    for cases, low, high, before in zip(kept, borders, borders[1:], first, strict=False):
        here = used[low:high] - before
        numbered = np.array([facts.setdefault(fact, len(facts)) for fact in cases.facts], np.int64)
        fact_of[low:high] = numbered[cases.fact[here]]
        local, row = distinct(cases.score[here], len(cases.scores))
        matrix = np.zeros((len(local), len(names)), np.uint16)
        matrix[:, [names.index(name) for name in cases.names]] = cases.scores[local]
        matrices.append(matrix)
        scored.append(cases.scored[local])
        score_of[low:high] = rows + row
        rows += len(local)
    fact, score = np.full((2, len(entries)), -1, np.int64)
    fact[given], score[given] = fact_of[at], score_of[at]
    return Recorded(list(facts), fact, names, np.concatenate(matrices), np.concatenate(scored), score)
