"""A judge with a classifier of a few words, for tests that are about what stands around it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from model.classifier import ClassifierDown, ClassifierResolver, PoisonedText
from model.policy import Decider, Limits, Policy
from model.resolver import Resolver, Scores
from model.scorer import Scorer, scorer_digest
from schemas.taxonomy import Category, Taxonomy
from stream.judge import Judge

TAXONOMY: Final = Taxonomy(
    name="test",
    categories=(
        Category(name="non_toxic", severity=0, description="nothing wrong"),
        Category(name="insult", severity=2, description="aimed at someone"),
    ),
)
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


class WordClassifier:
    """Scores by one word; breaks on a second; is down on a third."""

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        for index, text in enumerate(texts):
            if "poison" in text:
                raise PoisonedText(index, "breaks on purpose")
            if "blackout" in text:
                raise ClassifierDown("on purpose")
        return [(0.05, 0.95) if "rotten" in text else (0.9, 0.1) for text in texts]


def a_judge(*before: Resolver) -> Judge:
    """Build a judge; the resolvers given are asked before the classifier."""
    resolvers = [*before, ClassifierResolver(WordClassifier())]
    scorer = Scorer(TAXONOMY, resolvers, scorer_digest(TAXONOMY, {}))
    policy = Policy(name="test", thresholds={"insult": Limits(flag=0.5, block=0.9)})
    return Judge(scorer, Decider(policy, TAXONOMY), b"key", lambda: NOW)


def an_event(text: str = "hello", event_id: str = "e") -> bytes:
    """Write an event as a line of JSON.  ``text`` must need no escapes."""
    return (
        f'{{"event_id":"{event_id}","player_id":"p","channel_id":"c","text":"{text}","sent_at":"2026-01-01T00:00:00Z"}}'
    ).encode()
