"""Recorded verdicts gathered into columns, batch by batch."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

from model.policy_columns import GRID, ScoreMatrix
from stream.replay.history.columns import Codes, Numbers, distinct
from stream.replay.history.recorded import Fact, Recorded, Said, V, VerdictReader, are_scores
from stream.replay.history.written import Written, find_written


class _Decided(Said, frozen=True, gc=False, forbid_unknown_fields=True):
    """What is left of a verdict without its head and tail (see ``stream.replay.history.written``)."""


class Entered(NamedTuple):
    """The fact and the row of scores of each of some verdicts."""

    fact: Codes
    score: Codes


@dataclass(frozen=True, slots=True)
class Batch(Generic[V]):
    """The verdicts of a batch: ``places`` are theirs in it.

    Some are ``written`` as our worker writes them, which ``is_written`` says of each; the ``others`` were read whole.
    """

    places: Codes
    entered: Entered
    is_written: NDArray[np.bool_]
    written: Written
    others: list[V]

    def column(self, of_written: Codes, of_others: Iterable[int]) -> Codes:
        """Bring together, in order, what is said of those that are written and of the others."""
        column = np.empty(len(self.places), np.int64)
        column[self.is_written] = of_written
        column[~self.is_written] = list(of_others)
        return column


class RecordedColumns:
    """Gathers verdicts into columns."""

    def __init__(self) -> None:
        self._facts = Numbers[Any]()
        self._scores = Numbers[bytes]()
        self._decided: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        self._gathered = [Entered(np.empty(0, np.int64), np.empty(0, np.int64))]

    def add(self, verdicts: Sequence[Said]) -> Entered:
        """Add verdicts."""
        entered = self._enter(verdicts)
        self._gathered.append(entered)
        return entered

    def read(self, values: Sequence[bytes | None], reader: VerdictReader[V]) -> Batch[V]:
        """Add what verdicts there are among some values; ``reader`` reads those that our worker did not write."""
        known = [value or b"" for value in values]
        written, of_written = self._enter_written(find_written(known))
        is_written, is_verdict = np.zeros((2, len(known)), np.bool_)
        is_written[written.places] = is_verdict[written.places] = True
        left = np.flatnonzero(~is_written)
        read = reader.each([known[place] for place in left.tolist()])
        is_verdict[left] = [verdict is not None for verdict in read]
        others = [verdict for verdict in read if verdict is not None]
        places = np.flatnonzero(is_verdict)
        batch = Batch(places, of_written, is_written[places], written, others)
        if others:
            both = zip(of_written, self._enter(others), strict=True)
            batch = replace(batch, entered=Entered(*(batch.column(*columns) for columns in both)))
        self._gathered.append(batch.entered)
        return batch

    def columns(self) -> Recorded:
        """Return what was gathered."""
        names, matrix, scored = _matrix(list(self._scores))
        facts = [Fact(*key) for key in self._facts]
        fact, score = (np.concatenate(column) for column in zip(*self._gathered, strict=True))
        return Recorded(facts, fact, names, matrix, scored, score)

    def _enter(self, verdicts: Sequence[Said]) -> Entered:
        facts = map(self._facts.__getitem__, map(_as_fact, verdicts))
        scores = map(self._scores.__getitem__, map(bytes, map(_as_scores, verdicts)))
        return Entered(np.fromiter(facts, np.int64, len(verdicts)), np.fromiter(scores, np.int64, len(verdicts)))

    def _enter_written(self, written: Written) -> tuple[Written, Entered]:
        """Enter what is written as our worker does it, and is a verdict; each distinct decision is read once."""
        decisions, digests = written.decisions(), written.digests()
        radix = max(1, len(digests.distinct))
        keys, place = distinct(decisions.place * radix + digests.place, len(decisions.distinct) * radix)
        pairs = [(decisions.distinct[key // radix], digests.distinct[key % radix]) for key in keys.tolist()]
        found = [self._decided.get(pair) or self._decide(pair) for pair in pairs]
        fact, score = np.array(found, np.int64).reshape(-1, 2).T[:, place]
        return written.where(fact >= 0), Entered(fact[fact >= 0], score[fact >= 0])

    def _decide(self, pair: tuple[bytes, bytes]) -> tuple[int, int]:
        """Return, and keep, fact and row of scores of a decision with its digests; -1 where that is no verdict."""
        found = -1, -1
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            said = _read_decided(b"{%b,%b}" % pair)
            scores = bytes(said.scores)
            if are_scores(scores):
                found = self._facts[_as_fact(said)], self._scores[scores]
        self._decided[pair] = found
        return found


_read_decided: Final = msgspec.json.Decoder(_Decided).decode
_read_scores: Final = msgspec.json.Decoder(list[dict[str, float]]).decode
_as_fact: Final = attrgetter("action", "category", "severity", "resolved_by", "scorer", "policy", "matches")
_as_scores: Final = attrgetter("scores")


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
