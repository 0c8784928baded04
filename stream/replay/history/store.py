"""Recorded verdicts put where their events will look for them, on disk.

Events and verdicts lie in different topics, keyed and so partitioned differently.  Verdicts are read first, a stretch
at a time: each stretch's columns go into files of its own, and each verdict's place among them into a table that events
are looked up in.  All of it takes disk, not memory.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.policy_columns import ScoreMatrix
from stream.replay.history.columns import distinct
from stream.replay.history.events import Events
from stream.replay.history.gathering import RecordedColumns
from stream.replay.history.recorded import Fact, Recorded
from stream.replay.history.stretch import RawBatch
from stream.replay.history.tables import Entries, Table


class _About(msgspec.Struct):
    """What is kept of a stretch beside its scores; its file says that the stretch is whole."""

    facts: list[Fact]
    names: tuple[str, ...]
    scored: list[bool]
    kept: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class RecordedStore:
    """The columns of every stretch of verdicts, and the table that leads to them."""

    folder: Path
    table: Table

    def has(self, number: int) -> bool:
        """Whether a stretch of verdicts was kept whole."""
        return self._path(number, "json").exists()

    def keep(self, number: int, batches: Iterable[RawBatch]) -> int:
        """Keep a stretch of verdicts; once more changes nothing.  Returns how many there were."""
        columns = RecordedColumns()
        kept = unreadable = 0
        self.table.begin(number)
        for batch in batches:
            found = self.table.keep(number, batch.values, columns)
            kept += found
            unreadable += len(batch.values) - found
        recorded = columns.columns()
        np.save(self._path(number, "npy"), recorded.scores)
        about = _About(recorded.facts, recorded.names, recorded.scored.tolist(), kept, unreadable)
        unfinished = self._path(number, "part")
        unfinished.write_bytes(msgspec.json.encode(about))
        unfinished.replace(self._path(number, "json"))
        return kept

    def find(self, events: Events) -> Recorded:
        """Return the recorded verdicts of events, as columns."""
        return self.gather(self.table.find(events))

    def gather(self, entries: Entries) -> Recorded:
        """Return the verdicts that entries lead to, as columns."""
        numbers = [int(source) - 1 for source in np.unique(entries["source"]) if source]
        return _gather(entries, {number + 1: self._load(number) for number in numbers})

    def _load(self, number: int) -> "_Kept":
        about = msgspec.json.decode(self._path(number, "json").read_bytes(), type=_About)
        scores = np.load(self._path(number, "npy"), mmap_mode="r")
        return _Kept(about.facts, about.names, scores, np.array(about.scored, np.bool_))

    def _path(self, number: int, suffix: str) -> Path:
        return self.folder / f"verdicts-{number:06d}.{suffix}"


@dataclass(frozen=True, slots=True)
class _Kept:
    facts: list[Fact]
    names: tuple[str, ...]
    scores: ScoreMatrix
    scored: NDArray[np.bool_]


def _gather(entries: Entries, kept: Mapping[int, _Kept]) -> Recorded:
    """Bring together, from the stretches they are in, the facts and scores that entries point to."""
    facts: dict[Fact, int] = {}
    fact = np.full(len(entries), -1, np.int64)
    score = np.full(len(entries), -1, np.int64)
    names = tuple(dict.fromkeys(name for each in kept.values() for name in each.names))
    matrices = [np.empty((0, len(names)), np.uint16)]
    scored = [np.empty(0, np.bool_)]
    rows = 0
    for source, each in kept.items():
        here = entries["source"] == source
        local, at = distinct(entries["fact"][here], len(each.facts))
        fact[here] = np.array([facts.setdefault(each.facts[i], len(facts)) for i in local], np.int64)[at]
        local, at = distinct(entries["score"][here], len(each.scores))
        matrix = np.zeros((len(local), len(names)), np.uint16)
        matrix[:, [names.index(name) for name in each.names]] = each.scores[local]
        matrices.append(matrix)
        scored.append(each.scored[local])
        score[here] = rows + at
        rows += len(local)
    return Recorded(list(facts), fact, names, np.concatenate(matrices), np.concatenate(scored), score)
