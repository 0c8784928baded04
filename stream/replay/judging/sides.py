"""Sides: the baselines and candidates, each a way to get decisions for a stretch.

====================  =======================================  ==========================================
side                  takes                                    stands for
====================  =======================================  ==========================================
``Recorded``          recorded verdicts as they are            ``--baseline recorded``
``Redecided``         recorded scores, a policy                ``--depth redecide``, ``--baseline policy:``
``Rescored``          texts, a scorer and a policy             ``--depth rescore``, ``--baseline bundle:``
``Judged``            records through the live code, whole     ``--depth full``
``Labelled``          labels                                   ``--baseline labels:``
====================  =======================================  ==========================================
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final, Protocol

import numpy as np

from model.classifier import ClassifierDown
from model.policy_columns import GRID, ColumnDecider
from model.resolver import Answer, Floor, Outcome, Text
from model.scorer import Scorer
from schemas.taxonomy import NON_TOXIC, Taxonomy
from schemas.verdict import ACTIONS
from stream.errors import ConfigError, TransportError
from stream.judge import Judge, text_of
from stream.records import Chunk, Outgoing, Record
from stream.replay.history.columns import Codes, distinct
from stream.replay.history.events import Events
from stream.replay.history.gathering import RecordedColumns
from stream.replay.history.recorded import Recorded as RecordedVerdicts
from stream.replay.history.recorded import Said, VerdictReader
from stream.replay.judging.floors import Floors
from stream.replay.judging.foreign import foreign
from stream.replay.judging.opinions import NO_FLOOR, RESOLVERS, Answers, Opinions, decide

_read_said: Final = VerdictReader(Said)
REPLAYED_AT: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""``decided_at`` of replayed verdicts: constant, since it does not matter."""


@dataclass(frozen=True, slots=True)
class Material:
    """Inputs of the sides."""

    events: Events
    recorded: RecordedVerdicts | None = None

    def verdicts(self) -> RecordedVerdicts:
        """Return the recorded verdicts.

        Raises:
            ConfigError: there are none.
        """
        if self.recorded is None:
            raise ConfigError(
                "this comparison needs recorded verdicts; name them with --verdicts or --baseline recorded:"
            )
        return self.recorded


class Side(Protocol):
    """Decides events."""

    def __call__(self, material: Material, /) -> Opinions:
        """Return its decision for each event.  Blocks and raises as its sources do."""
        ...


class Recorded:
    """The recorded verdicts, unchanged."""

    def __call__(self, material: Material) -> Opinions:
        """Repeat them."""
        return as_opinions(material.verdicts())


def as_opinions(recorded: RecordedVerdicts) -> Opinions:
    """Read verdicts as opinions."""
    facts = recorded.facts
    given = recorded.fact >= 0
    at = np.where(given, recorded.fact, len(facts))
    known = dict.fromkeys([*recorded.names, *(fact.category for fact in facts)])
    names = tuple(known)
    place = {name: number for number, name in enumerate(names)}
    hits = [place[fact.category] if fact.rules and fact.action != "allow" else -1 for fact in facts]
    rows, scores = _with_hits(recorded, np.array([*hits, -1], np.int64)[at], len(names))
    return Opinions(
        actions=np.array([*(ACTIONS.index(fact.action) for fact in facts), -1], np.int64)[at],
        categories=np.array([*(place[fact.category] for fact in facts), -1], np.int64)[at],
        names=names,
        resolved_by=np.array([*(RESOLVERS.index(fact.resolved_by) for fact in facts), -1], np.int64)[at],
        rows=rows,
        scores=scores,
        score_names=names,
        digests=frozenset((fact.scorer, fact.policy) for fact in facts),
    )


def _with_hits(
    recorded: RecordedVerdicts, hit: Codes, width: int
) -> "tuple[Codes, np.ndarray[tuple[int, int], np.dtype[np.uint16]]]":
    """Set the category of a rule's match to 1, once per distinct pair of scores and match."""
    given = recorded.score >= 0
    keys = recorded.score[given] * (width + 1) + hit[given] + 1
    different, at = distinct(keys, len(recorded.scores) * (width + 1))
    matrix = np.zeros((len(different), width), np.uint16)
    matrix[:, : len(recorded.names)] = recorded.scores[different // (width + 1)]
    hits = different % (width + 1) - 1
    struck = np.flatnonzero(hits >= 0)
    matrix[struck, hits[struck]] = GRID
    rows = np.full(len(given), -1, np.int64)
    rows[given] = at
    return rows, matrix


class Redecided:
    """Another policy over the recorded scores; rule hits stay as recorded."""

    def __init__(self, decider: ColumnDecider, taxonomy: Taxonomy, floors: Floors) -> None:
        self.names: Final = taxonomy.names
        self._decider = decider
        self._floors = floors

    def __call__(self, material: Material) -> Opinions:
        """Decide.  A verdict that names a category the taxonomy lacks gets no opinion."""
        recorded = material.verdicts()
        scores = np.zeros((len(recorded.scores), len(self.names)), np.uint16)
        known = [place for place, name in enumerate(recorded.names) if name in self.names]
        scores[:, [self.names.index(recorded.names[place]) for place in known]] = recorded.scores[:, known]
        row = np.where(foreign(recorded, self.names).naming, -1, recorded.score)
        resolvers = np.array([*(RESOLVERS.index(fact.resolved_by) for fact in recorded.facts), -1], np.int64)
        floors, floor = self._floors.of(recorded, material.events)
        answers = Answers(scores, recorded.scored, row, floors, floor, resolvers[recorded.fact])
        digests = frozenset((fact.scorer, self._decider.digest) for fact in recorded.facts)
        return decide(answers, material.events, self._decider, self.names, digests)


class Scored:
    """A scorer over the texts of successive stretches: the live resolvers on large chunks, each distinct text once.

    Answers to the last ``remembered`` texts are cached unchanged, so the cache has no effect on the results.
    """

    def __init__(self, scorer: Scorer, remembered: int) -> None:
        self.scorer: Final = scorer
        self._remembered = remembered
        self._known: dict[Text, Outcome] = {}
        self._last: tuple[Events, Answers] | None = None

    def __call__(self, events: Events) -> Answers:
        """Answer every event; asked twice about the same stretch, it scores once.

        Raises:
            TransportError: the classifier is down.
        """
        if self._last is not None and self._last[0] is events:
            return self._last[1]
        texts = [text_of(event, self.scorer) for event in events.events]
        distinct = list(dict.fromkeys(texts))
        known = self._known
        unknown = [text for text in distinct if text not in known]
        try:
            known |= zip(unknown, self.scorer(unknown), strict=True)
        except ClassifierDown as exc:
            raise TransportError(f"the classifier is down: {exc}") from exc
        # To the end of the queue, whose first entries are evicted.
        known |= {text: known.pop(text) for text in distinct}
        answers = _columns(texts, distinct, [known[text] for text in distinct], len(self.scorer.taxonomy.names))
        for text in list(islice(known, max(0, len(known) - self._remembered))):
            del known[text]
        self._last = events, answers
        return answers


class Rescored:
    """A scorer and a policy over the texts."""

    def __init__(self, scored: Scored, decider: ColumnDecider) -> None:
        self._scored = scored
        self._decider = decider

    def __call__(self, material: Material) -> Opinions:
        """Score and decide."""
        events = material.events
        scorer = self._scored.scorer
        answers = self._scored(events)
        digests = frozenset({(scorer.digest, self._decider.digest)})
        return decide(answers, events, self._decider, scorer.taxonomy.names, digests)


def _columns(texts: list[Text], distinct: list[Text], outcomes: list[Outcome], width: int) -> Answers:
    """Lay out the outcomes of distinct texts as answers per event; a poisoned text has none."""
    places = {text: place for place, text in enumerate(distinct)}
    at = np.array([places[text] for text in texts], np.int64)
    floors: dict[Floor, int] = {NO_FLOOR: 0}
    scores = np.zeros((len(distinct), width), np.uint16)
    scored, answered = np.zeros(len(distinct), np.bool_), np.zeros(len(distinct), np.bool_)
    floor, resolved_by = np.zeros(len(distinct), np.int64), np.zeros(len(distinct), np.int64)
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, Answer):
            answered[place] = True
            floor[place] = floors.setdefault(outcome.floor or NO_FLOOR, len(floors))
            resolved_by[place] = RESOLVERS.index(outcome.resolved_by)
            if outcome.scores:
                scored[place] = True
                scores[place] = np.rint(np.array(outcome.scores) * GRID)
    return Answers(scores, scored, np.where(answered[at], at, -1), list(floors), floor[at], resolved_by[at])


class Judged:
    """The whole live code: records in, verdicts out, chunk by chunk, and the verdicts read back."""

    def __init__(self, judge: Judge, chunk_size: int) -> None:
        self._judge = judge
        self._chunk_size = chunk_size

    def __call__(self, material: Material) -> Opinions:
        """Judge."""
        from schemas.codec import encode

        events = material.events.events
        columns = RecordedColumns()
        given = np.zeros(len(events), np.bool_)
        for start in range(0, len(events), self._chunk_size):
            records = [Record(encode(event), start) for event in events[start : start + self._chunk_size]]
            results = self._judge(Chunk(records)).results
            verdicts = [result.verdict for result in results if isinstance(result, Outgoing)]
            given[start : start + len(results)] = [isinstance(result, Outgoing) for result in results]
            columns.add(_read_said(verdicts))
        return as_opinions(_spread(columns.columns(), given))


def _spread(recorded: RecordedVerdicts, given: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> RecordedVerdicts:
    """Leave gaps where there is no verdict."""
    fact, score = np.full(len(given), -1, np.int64), np.full(len(given), -1, np.int64)
    fact[given], score[given] = recorded.fact, recorded.score
    return RecordedVerdicts(recorded.facts, fact, recorded.names, recorded.scores, recorded.scored, score)


class Labelled:
    """The labels: anything but ``non_toxic`` should be flagged."""

    def __call__(self, material: Material) -> Opinions:
        """Repeat them."""
        labels = material.events.labels or [None] * len(material.events)
        known: dict[str, int] = {NON_TOXIC: 0}
        places = np.array([-1 if label is None else known.setdefault(label, len(known)) for label in labels], np.int64)
        none = np.full(len(labels), -1, np.int64)
        return Opinions(
            actions=np.where(places > 0, 1, places),
            categories=places,
            names=tuple(known),
            resolved_by=none,
            rows=none,
            scores=np.empty((0, 0), np.uint16),
            score_names=(),
        )
