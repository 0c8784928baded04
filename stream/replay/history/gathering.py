"""Gathers recorded verdicts into columns, batch by batch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from model.policy_columns import GRID, ScoreMatrix
from stream.replay.history.columns import Codes, Numbers, Remembered, distinct
from stream.replay.history.joined import Joined
from stream.replay.history.recorded import UNREADABLE, Fact, Recorded, Said, V, VerdictReader, are_scores
from stream.replay.history.written import Written, WrittenReader


class Cases(NamedTuple):
    """The distinct pairs of a fact and scores: for each an index into ``facts`` and a row of ``scores``."""

    fact: Codes
    score: Codes
    facts: list[Fact]
    names: tuple[str, ...]
    """Categories, one per column of ``scores``."""
    scores: ScoreMatrix
    scored: NDArray[np.bool_]
    """Per row of ``scores``: whether it has any score."""


@dataclass(frozen=True, slots=True)
class Batch(Generic[V]):
    """The verdicts of a batch: their positions (``places``) and their case numbers (``cases``).

    Some are ``written`` as our worker writes them (``is_written``); the ``others`` were parsed in full.
    """

    places: Codes
    cases: Codes
    is_written: NDArray[np.bool_]
    written: Written
    others: list[V]

    def column(self, of_written: Codes, of_others: Iterable[int]) -> Codes:
        """Merge, in order, the values of the written verdicts and of the others."""
        if not self.others:
            return of_written
        column = np.empty(len(self.places), np.int64)
        column[self.is_written] = of_written
        column[~self.is_written] = list(of_others)
        return column


class RecordedColumns:
    """Gathers verdicts into columns."""

    def __init__(self) -> None:
        self._facts = Numbers[Any]()
        self._scores = Numbers[bytes]()
        self._cases = Numbers[tuple[int, int]]()
        self._decided = Remembered(self._decide)
        self._stated = Remembered(self._state)
        self._gathered = [np.empty(0, np.int64)]
        self._find_written = WrittenReader()

    def add(self, verdicts: Sequence[Said]) -> Codes:
        """Add verdicts; returns each one's case."""
        cases = self._enter(verdicts)
        self._gathered.append(cases)
        return cases

    def read(self, values: Sequence[bytes | None], reader: VerdictReader[V]) -> Batch[V]:
        """Add the verdicts among some values; ``reader`` reads those that our worker did not write."""
        known = Joined.of(values)
        written, of_written = self._enter_written(self._find_written(known))
        if len(of_written) == len(known):
            nothing: list[V] = []
            batch = Batch(written.places, of_written, np.ones(len(known), np.bool_), written, nothing)
        else:
            batch = self._with_others(known, written, of_written, reader)
        self._gathered.append(batch.cases)
        return batch

    def _with_others(self, values: Joined, written: Written, of_written: Codes, reader: VerdictReader[V]) -> Batch[V]:
        """Add the verdicts among the values that are not written as our worker does."""
        is_written, is_verdict = np.zeros((2, len(values)), np.bool_)
        is_written[written.places] = is_verdict[written.places] = True
        left = np.flatnonzero(~is_written)
        read = [reader.one(values[place] or b"") for place in left.tolist()]
        is_verdict[left] = [verdict is not None for verdict in read]
        others = [verdict for verdict in read if verdict is not None]
        places = np.flatnonzero(is_verdict)
        batch = Batch(places, of_written, is_written[places], written, others)
        return replace(batch, cases=batch.column(of_written, self._enter(others).tolist()))

    def cases(self) -> Cases:
        """Return the cases, in the order of their numbers."""
        fact, score = np.array([*self._cases], np.int64).reshape(-1, 2).T
        return Cases(fact, score, [Fact(*key) for key in self._facts], *_matrix(list(self._scores)))

    def columns(self) -> Recorded:
        """Return the gathered columns."""
        fact, score, facts, names, scores, scored = self.cases()
        gathered = np.concatenate(self._gathered)
        return Recorded(facts, fact[gathered], names, scores, scored, score[gathered])

    def _enter(self, verdicts: Sequence[Said]) -> Codes:
        facts = map(self._facts.__getitem__, map(_as_fact, verdicts))
        scores = map(self._scores.__getitem__, map(bytes, map(_as_scores, verdicts)))
        return np.fromiter(map(self._cases.__getitem__, zip(facts, scores, strict=True)), np.int64, len(verdicts))

    def _enter_written(self, written: Written) -> tuple[Written, Codes]:
        """Enter the verdicts written as our worker does; each distinct decision is parsed once."""
        decisions, digests = written.decisions(), written.digests()
        radix = max(1, len(digests.distinct))
        keys, place = distinct(decisions.place * radix + digests.place, len(decisions.distinct) * radix)
        pairs = [(decisions.distinct[key // radix], digests.distinct[key % radix]) for key in keys.tolist()]
        cases = np.fromiter(map(self._decided.__getitem__, pairs), np.int64, len(pairs))[place]
        given = cases >= 0
        return written.where(given), cases[given]

    def _decide(self, pair: tuple[bytes, bytes]) -> int:
        """Return the case of a decision with its digests; -1 if it is not a verdict, or not plain.

        Scores differ from verdict to verdict, the text around them hardly does.
        """
        decision, digests = pair
        before, opening, behind = decision.partition(b"{")
        scores, closing, after = behind.partition(b"}")
        fact = self._stated[before, closing + after, digests]
        raw = opening + scores + closing
        return self._cases[fact, self._scores[raw]] if fact >= 0 and are_scores(raw) else -1

    def _state(self, around: tuple[bytes, bytes, bytes]) -> int:
        """Return the fact of a decision without scores; -1 if it is not a verdict."""
        fact = _read_fact(*around)
        return -1 if fact is None else self._facts[fact]


class _Decided(Said, frozen=True, gc=False, forbid_unknown_fields=True):
    """A verdict without its head and tail (see ``stream.replay.history.written``)."""


@lru_cache(10_000)
def _read_fact(before: bytes, after: bytes, digests: bytes) -> tuple[Any, ...] | None:
    """Parse a decision whose scores were cut out; None if it is not one, or if the cut was not its scores.

    The same ones recur in every stretch.
    """
    if not before.endswith(_SCORES) or _SCORES in after:
        return None
    try:
        return _as_fact(_read_decided(b"{%b{%b,%b}" % (before, after, digests)))
    except UNREADABLE:
        return None


_SCORES: Final = b'"scores":'
_read_decided: Final = msgspec.json.Decoder(_Decided).decode
_read_scores: Final = msgspec.json.Decoder(list[dict[str, float]]).decode
_as_fact: Final = attrgetter("action", "category", "severity", "resolved_by", "scorer", "policy", "matches")
_as_scores: Final = attrgetter("scores")


def _matrix(raws: list[bytes]) -> tuple[tuple[str, ...], ScoreMatrix, NDArray[np.bool_]]:
    """Parse distinct score objects into one matrix over all the categories they name."""
    array = b"[" + b",".join(raws) + b"]"
    scored = np.array([bool(raw.strip(b"{} \t\r\n")) for raw in raws], np.bool_)
    first = next((raw for raw, has_scores in zip(raws, scored, strict=True) if has_scores), b"{}")
    names = tuple(_read_scores(b"[" + first + b"]")[0])
    try:
        parsed: Iterable[tuple[float, ...]] = map(astuple, msgspec.json.decode(array, type=list[_row_of(names)]))  # type: ignore[misc]  # a type at run time
    except (msgspec.ValidationError, ValueError):  # other categories, or a name that cannot be a field
        found = _read_scores(array)
        names = tuple(dict.fromkeys(name for scores in found for name in scores))
        parsed = (tuple(scores.get(name, 0.0) for name in names) for scores in found)
    values = np.fromiter(chain.from_iterable(parsed), np.float64, len(raws) * len(names))
    return names, np.rint(values * GRID).astype(np.uint16).reshape(len(raws), len(names)), scored


def _row_of(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """Return a struct with exactly these categories: parsing a row into it is faster than into a dictionary."""
    fields = [(f"c{place}", float, 0.0) for place in range(len(names))]
    renamed = {f"c{place}": name for place, name in enumerate(names)}
    return msgspec.defstruct("Row", fields, rename=renamed, forbid_unknown_fields=True, gc=False)
