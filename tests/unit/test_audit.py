"""The gate's audit: the same events everywhere, counted by what the classifier says, never in the way."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from model.classifier import ClassifierDown
from model.policy import Circumstances, Decider, Limits, Policy
from model.resolver import Answer, Poison, Reply, Text
from schemas.codec import Event
from schemas.taxonomy import Category, Taxonomy
from stream.audit import BATCH, WAITING, GateAudit
from stream.metrics import CounterName, NoMetrics
from tests.support.processes import wait_until

TAXONOMY = Taxonomy(
    name="test",
    categories=(
        Category(name="non_toxic", severity=0, description="nothing wrong"),
        Category(name="insult", severity=2, description="aimed at someone"),
    ),
)
DECIDER = Decider(Policy(name="test", thresholds={"insult": Limits(flag=0.5)}), TAXONOMY)
ANYWHERE = Circumstances("default", None, "")


class Counted(NoMetrics):
    """Keeps what is counted, by result."""

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()

    def count(self, name: CounterName, amount: float = 1, /, **labels: str) -> None:
        """Add it up."""
        assert name == "gate_audits_total"
        self.results[labels["result"]] += int(amount)


def an_event(number: int) -> Event:
    event = {"event_id": f"e{number}", "player_id": "p", "channel_id": "c", "text": "t", "sent_at": datetime.now(UTC)}
    return msgspec.convert(event, Event)


def classify(texts: Sequence[Text]) -> list[Reply]:
    replies: list[Reply] = []
    for text in texts:
        score = 0.9 if "bad" in text.canonical else 0.1
        replies.append(Poison("breaks") if "poison" in text.canonical else Answer((1 - score, score), "classifier"))
    return replies


def test_what_the_classifier_would_act_on_is_a_miss() -> None:
    metrics = Counted()
    audit = GateAudit(classify, DECIDER, 1.0, metrics)
    for number, text in enumerate(["fine", "bad", "fine", "poison"]):
        audit(an_event(number), Text(text), ANYWHERE)
    audit.close()
    assert metrics.results == {"right": 2, "missed": 1, "unscored": 1}


def test_the_share_is_drawn_by_event_id() -> None:
    counts = []
    for _ in range(2):
        seen: list[str] = []

        def keep(texts: Sequence[Text], seen: list[str] = seen) -> list[Reply]:
            seen.extend(text.canonical for text in texts)
            return classify(texts)

        audit = GateAudit(keep, DECIDER, 0.1, Counted())
        for number in range(1_000):
            audit(an_event(number), Text(str(number)), ANYWHERE)
        audit.close()
        counts.append(seen)
    assert counts[0] == counts[1]
    assert 60 < len(counts[0]) < 150


def test_a_slow_classifier_makes_nobody_wait() -> None:
    metrics, gate = Counted(), threading.Event()

    def slow(texts: Sequence[Text]) -> list[Reply]:
        gate.wait(30)
        return classify(texts)

    audit = GateAudit(slow, DECIDER, 1.0, metrics)
    for number in range(3 * WAITING):
        audit(an_event(number), Text("fine"), ANYWHERE)
    assert metrics.results["skipped"] > WAITING
    gate.set()
    audit.close()
    assert metrics.results.total() == 3 * WAITING


def test_texts_that_come_one_by_one_are_scored_together() -> None:
    asked: list[int] = []

    def keep(texts: Sequence[Text]) -> list[Reply]:
        asked.append(len(texts))
        return classify(texts)

    audit = GateAudit(keep, DECIDER, 1.0, Counted())
    for number in range(BATCH + 3):
        audit(an_event(number), Text("fine"), ANYWHERE)
        time.sleep(0.001)
    audit.close()
    assert asked == [BATCH, 3]


def test_no_text_waits_for_others_beyond_the_patience() -> None:
    metrics = Counted()
    audit = GateAudit(classify, DECIDER, 1.0, metrics, patience_s=0.01)
    audit(an_event(1), Text("fine"), ANYWHERE)
    wait_until(lambda: metrics.results["right"] == 1, 5, "one audit")
    audit.close()


def test_a_classifier_that_is_down_is_no_miss() -> None:
    def down(_: Sequence[Text]) -> list[Reply]:
        raise ClassifierDown("away")

    metrics = Counted()
    audit = GateAudit(down, DECIDER, 1.0, metrics)
    audit(an_event(1), Text("bad"), ANYWHERE)
    audit.close()
    assert metrics.results == {"unscored": 1}


def test_it_ends_soon_however_much_waits() -> None:
    def slow(texts: Sequence[Text]) -> list[Reply]:
        time.sleep(0.1)
        return classify(texts)

    metrics = Counted()
    audit = GateAudit(slow, DECIDER, 1.0, metrics)
    for number in range(2 * WAITING):
        audit(an_event(number), Text("fine"), ANYWHERE)
    before = threading.active_count()
    audit.close()
    assert threading.active_count() == before - 1
    assert 0 < metrics.results["right"] < WAITING
