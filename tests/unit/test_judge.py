"""The judge: every record becomes one verdict or one dead letter, in order."""

from collections.abc import Sequence
from datetime import UTC, datetime

from model.classifier import ClassifierResolver, PoisonedText
from model.policy import Decider, Limits, Policy
from model.resolver import Scores
from model.scorer import Scorer, scorer_digest
from schemas.taxonomy import Category, Taxonomy
from schemas.verdict import Flagged, Origin, Verdict
from stream.judge import Judge
from stream.records import Chunk, DeadLetter, Outgoing, Record

TAXONOMY = Taxonomy(
    name="test",
    categories=(
        Category(name="non_toxic", severity=0, description="nothing wrong"),
        Category(name="insult", severity=2, description="aimed at someone"),
    ),
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class WordClassifier:
    """Scores by one word; breaks on another."""

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        for index, text in enumerate(texts):
            if "poison" in text:
                raise PoisonedText(index, "breaks on purpose")
        return [(0.05, 0.95) if "rotten" in text else (0.9, 0.1) for text in texts]


def a_judge() -> Judge:
    scorer = Scorer(TAXONOMY, [ClassifierResolver(WordClassifier())], scorer_digest(TAXONOMY, {}))
    policy = Policy(name="test", thresholds={"insult": Limits(flag=0.5, block=0.9)})
    return Judge(scorer, Decider(policy, TAXONOMY), b"key", lambda: NOW)


def a_record(text: str, offset: int = 0, event_id: str = "e") -> Record:
    value = (
        f'{{"event_id":"{event_id}","player_id":"p","channel_id":"c","text":"{text}","sent_at":"2026-01-01T00:00:00Z"}}'
    )
    return Record(value.encode(), offset, "chat.events", 3)


def test_every_record_has_one_result_in_order() -> None:
    records = [a_record("hello"), Record(b"{", 1), a_record("rotten apple", 2), a_record("poison", 3)]
    hello, broken, rotten, poison = a_judge()(Chunk(records)).results
    assert isinstance(hello, Outgoing)
    assert hello.flagged is None
    assert Verdict.model_validate_json(hello.verdict).action == "allow"
    assert isinstance(broken, DeadLetter)
    assert broken.rejection.cause == "not_json"
    assert isinstance(rotten, Outgoing)
    assert rotten.flagged is not None
    flagged = Flagged.model_validate_json(rotten.flagged)
    assert flagged.verdict.action == "block"
    assert flagged.verdict.origin == Origin(topic="chat.events", partition=3, offset=2)
    assert flagged.event.text == "rotten apple"
    assert isinstance(poison, DeadLetter)
    assert poison.rejection.cause == "poisoned"


def test_the_same_event_has_the_same_id_wherever_it_is_read() -> None:
    judge = a_judge()
    ids = set()
    for record in (a_record("hi", 1), a_record("hi", 2), Record(a_record("hi").value, 7)):
        (result,) = judge(Chunk([record])).results
        assert isinstance(result, Outgoing)
        ids.add(Verdict.model_validate_json(result.verdict).verdict_id)
    (other,) = judge(Chunk([a_record("hi", 1, "other")])).results
    assert isinstance(other, Outgoing)
    assert len(ids) == 1
    assert Verdict.model_validate_json(other.verdict).verdict_id not in ids
