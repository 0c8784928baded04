"""Opinions of a stretch: floors that rules left, texts that break the classifier, answers remembered."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.classifier import ClassifierResolver
from model.policy import Decider, Limits, Policy
from model.policy_columns import ColumnDecider
from model.resolver import Scores
from model.rules import RulesResolver, extended, load_packs
from model.scorer import Scorer
from schemas.verdict import ACTIONS
from stream.judge import Judge
from stream.records import Chunk, Outgoing, Record
from stream.replay.history.events import Labelling, read_events
from stream.replay.history.gathering import RecordedColumns
from stream.replay.history.recorded import Hit, Said, VerdictReader
from stream.replay.history.stretch import RawBatch
from stream.replay.judging.floors import Floors
from stream.replay.judging.opinions import RESOLVERS
from stream.replay.judging.sides import REPLAYED_AT, Judged, Material, Recorded, Redecided, Rescored, Scored
from tests.support.judges import TAXONOMY, WordClassifier

PACKS = load_packs({})
KNOWN = extended(TAXONOMY, PACKS.values())
EXAMPLES = [text for rule in PACKS[""].rules for text in (*rule.hit, *rule.miss)]
POLICIES = [
    Policy(name="none", thresholds={}),
    Policy(name="some", thresholds={"insult": Limits(flag=0.3, block=0.94)}),
]


class Wide(WordClassifier):
    """The words, with zeros for what packs add."""

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        return [scores + (0.0,) * (len(KNOWN.names) - 2) for scores in super().__call__(texts)]


SCORER = Scorer(KNOWN, [RulesResolver(PACKS, KNOWN), ClassifierResolver(Wide())], "c" * 32)


def events_of(texts: list[str]) -> list[bytes | None]:
    return [
        json.dumps(
            {
                "event_id": f"e{i}",
                "player_id": "p",
                "channel_id": "c",
                "text": text,
                "sent_at": "2026-01-01T00:00:00Z",
                "lang": "en",
            }
        ).encode()
        for i, text in enumerate(texts)
    ]


def material(texts: list[str], recorded_by: Policy | None = None) -> Material:
    values = events_of(texts)
    events = read_events([RawBatch(None, 0, np.arange(len(texts)), values)], Labelling())
    if recorded_by is None:
        return Material(events)
    judged = Judge(SCORER, Decider(recorded_by, KNOWN), b"k", lambda: REPLAYED_AT)(
        Chunk([Record(value, i) for i, value in enumerate(values)])
    )
    columns = RecordedColumns()
    columns.add(VerdictReader(Said)([result.verdict for result in judged.results if isinstance(result, Outgoing)]))
    return Material(events, columns.columns())


def column_decider(policy: Policy) -> ColumnDecider:
    return ColumnDecider(Decider(policy, KNOWN), KNOWN)


def test_redeciding_keeps_what_rules_left_open() -> None:
    """On every example of the shipped pack, and whichever policy recorded it, as if it were judged anew."""
    assert len(EXAMPLES) > 50
    for before in POLICIES:
        given = material(EXAMPLES, before)
        for after in POLICIES:
            redecided = Redecided(column_decider(after), KNOWN, Floors(PACKS, {}, KNOWN))(given)
            anew = Rescored(Scored(SCORER, 10), column_decider(after))(given)
            judged = Judged(Judge(SCORER, Decider(after, KNOWN), b"k", lambda: REPLAYED_AT), 7)(given)
            for other in (anew, judged):
                assert redecided.actions.tolist() == other.actions.tolist()
                assert [redecided.names[i] for i in redecided.categories] == [other.names[i] for i in other.categories]
                assert redecided.resolved_by.tolist() == other.resolved_by.tolist()
        assert set(redecided.actions.tolist()) == {0, 1, 2}


def test_a_rule_that_is_gone_leaves_its_decision_as_the_floor() -> None:
    blocked = next(rule for rule in PACKS[""].rules if rule.action == "block")
    given = material([blocked.hit[0]], POLICIES[0])
    gone = [fact._replace(rules=(Hit("gone.rule"),)) for fact in given.verdicts().facts]
    given = Material(given.events, replace(given.verdicts(), facts=gone))
    redecided = Redecided(column_decider(POLICIES[0]), KNOWN, Floors(PACKS, {}, KNOWN))(given)
    assert ACTIONS[redecided.actions[0]] == "block"


def test_a_text_that_breaks_the_classifier_has_no_opinion() -> None:
    given = material(["well", "poison", "rotten poison", "well"])
    for side in (
        Rescored(Scored(SCORER, 10), column_decider(POLICIES[1])),
        Judged(Judge(SCORER, Decider(POLICIES[1], KNOWN), b"k", lambda: REPLAYED_AT), 3),
    ):
        opinions = side(given)
        assert opinions.actions.tolist() == [0, -1, -1, 0]
        assert opinions.rows[[1, 2]].tolist() == [-1, -1]


class Counting(Wide):
    asked: int = 0

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        self.asked += len(texts)
        return super().__call__(texts)


def test_equal_texts_are_scored_once_and_what_was_remembered_shows_nowhere() -> None:
    classifier = Counting()
    scorer = Scorer(KNOWN, [ClassifierResolver(classifier)], "c" * 32)
    scored = Scored(scorer, 3)
    first, second = material(["a", "b", "a"]), material(["b", "c", "rotten"])
    side = Rescored(scored, column_decider(POLICIES[1]))
    side(first)
    assert classifier.asked == 2
    Rescored(scored, column_decider(POLICIES[0]))(first)
    assert classifier.asked == 2
    again = side(second)
    assert classifier.asked == 4
    assert [RESOLVERS[i] for i in again.resolved_by] == ["classifier"] * 3
    side(material(["rotten", "b"]))
    assert classifier.asked == 4
    side(material(["a"]))
    assert classifier.asked == 5  # of four texts the one that had not come up for the longest time was forgotten
    side(material(["rotten", "b"]))
    assert classifier.asked == 5


def test_nothing_is_remembered_from_stretch_to_stretch_where_that_is_asked() -> None:
    classifier = Counting()
    side = Rescored(Scored(Scorer(KNOWN, [ClassifierResolver(classifier)], "c" * 32), 0), column_decider(POLICIES[1]))
    for _ in range(2):
        side(material(["a", "b", "a"]))
    assert classifier.asked == 4


def test_recorded_verdicts_are_repeated_as_they_were() -> None:
    given = material(["well", "rotten"], POLICIES[1])
    opinions = Recorded()(given)
    assert [ACTIONS[i] for i in opinions.actions] == ["allow", "block"]
    assert opinions.scores[opinions.rows[1], opinions.score_names.index("insult")] == 950
