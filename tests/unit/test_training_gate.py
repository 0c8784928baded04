"""The gate's recipe on a made-up classifier that one can see through: what it learns, chooses and reports."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from model.gate_net import Net
from model.gate_words import Words
from model.training.gate import Order, make_gate
from model.training.gate_chat import Chat, Mixer
from model.training.gate_fit import SPREAD, Learner, Shape, Student, fit, lesson, principal
from model.training.gate_kinds import Bag, row
from model.training.gate_measure import Floats, distances, in_every_reading, margins, share_passed, threshold

NAMES = ("non_toxic", "insult", "threat")
LIMITS = {"insult": 0.5, "threat": 0.8}
READER = Words(1 << 10)
BAD = ("rotten", "mouldy", "stale")
GOOD = ("fresh", "ripe", "sweet", "crisp", "round", "green", "small", "large", "cold", "warm", "early", "late")


def ask(texts: Sequence[str]) -> Floats:
    """Two bad words make a threat, one an insult."""
    bad = np.array([sum(word in text for word in BAD) for text in texts])
    scores = np.stack([1 - 0.3 * bad, np.where(bad == 1, 0.9, 0.02), np.where(bad > 1, 0.95, 0.01)], axis=1)
    return scores.clip(0, 1)


def a_chat(number: int = 1_000) -> Chat:
    rng = np.random.default_rng(3)

    def line() -> str:
        words = list(rng.choice(GOOD, size=int(rng.integers(1, 5))))
        if rng.random() < 0.3:
            words.insert(int(rng.integers(len(words) + 1)), str(rng.choice(BAD)))
        return " ".join(words)

    lines = list(dict.fromkeys(line() for _ in range(4 * number)))
    held = {"game": lines[number : number + 300]}
    measured_on = lines[number + 300 : number + 500]
    return Chat(
        lines[:number], held, {"game": measured_on}, lines[:50], ["gg", *lines[:100], *measured_on, *measured_on]
    )


def test_a_gate_learns_what_the_classifier_says_and_keeps_what_it_promises() -> None:
    chat = a_chat()
    order = Order(READER, Shape(8, 16, 8), made=600, epochs=25)
    weights, entry = make_gate(chat, ask, LIMITS, NAMES, order)
    net, texts = Net(weights, READER), chat.measured_on["game"]
    positive = margins(ask(texts), LIMITS, NAMES) >= 0
    point = entry.points[0]
    assert point.limits == LIMITS
    at = share_passed(in_every_reading(net, texts), positive, point.thresholds["0.99"])
    assert isinstance(at["kept"], float)
    assert isinstance(at["ratio"], float)
    assert at["kept"] > 0.95
    assert at["ratio"] < 1.6
    assert [p.limits["insult"] for p in entry.points] == sorted(
        (p.limits["insult"] for p in entry.points), reverse=True
    )


def test_a_threshold_keeps_the_share_it_is_asked_for() -> None:
    scores, positive = np.arange(1_000.0), np.arange(1_000) % 2 == 0
    for kept in (0.9, 0.99, 0.999):
        at = threshold(scores, positive, kept)
        assert (scores[positive] >= at).mean() >= kept
    assert threshold(scores, np.zeros(1_000, dtype=bool), 0.99) == float("-inf"), (
        "nothing to keep lets nothing be cleared"
    )


def test_few_texts_are_no_proof_that_lower_scores_do_not_come() -> None:
    """Of scores that thin out exponentially, a threshold chosen on few keeps the share of many more."""
    everything, rng = np.ones(400, dtype=bool), np.random.default_rng(3)
    lowest, chosen = [], []
    for _ in range(200):
        some = -rng.exponential(size=400)
        points = [threshold(some, everything, kept) for kept in (0.999, 0.995, 0.99)]
        assert points == sorted(points)
        assert points[0] <= some.min(), "one of 400 is more than may be missed"
        assert threshold(some, everything, 0.999, caution=1.0) == some.min(), "hindsight needs no caution"
        lowest.append(1 - np.exp(some.min()))
        chosen.append(1 - np.exp(points[0]))
    assert np.mean(lowest) < 0.998, "what the lowest of them all keeps of many more"
    assert 0.9985 < np.mean(chosen) < 0.9995
    assert np.median(chosen) > 0.999


def test_distances_are_log_odds_above_each_limit() -> None:
    found = distances(np.array([[0.0, 0.5, 0.8], [1.0, 0.0, 1.0]]), LIMITS, NAMES)
    assert found[0] == pytest.approx([0.0, 0.0])
    assert found[1, 0] < -6
    assert found[1, 1] > 5
    assert margins(np.array([[0.0, 0.5, 0.1]]), LIMITS, NAMES) == pytest.approx([0.0])


def test_a_table_begins_with_the_classifiers_vectors_as_far_as_it_has_room() -> None:
    rng = np.random.default_rng(2)
    vectors = (rng.normal(size=(READER.rows + 5, 4)) @ rng.normal(size=(4, 12)) + 3).astype(np.float32)
    begun = Learner(READER.rows, Shape(8, 16, 8), 2, vectors).grams.weight.detach().numpy()
    spread = np.linalg.norm(begun[:50, None] - begun[None, :50], axis=2)
    known = np.linalg.norm(vectors[:50, None] - vectors[None, :50], axis=2)
    assert np.corrcoef(spread.ravel(), known.ravel())[0, 1] > 0.999, "who was near stays near"
    assert begun.std() == pytest.approx(SPREAD, rel=1e-3)
    assert principal(vectors, 3).shape == (READER.rows + 5, 3)
    narrow = Learner(READER.rows, Shape(20, 16, 8), 2, vectors).grams.weight.detach().numpy()
    assert (narrow[:, :12] == principal(vectors[: READER.rows], 20)).all()


@pytest.mark.parametrize(
    "drawn",
    [
        lambda: Bag(READER.rows, 8, 0, 2),
        lambda: Bag(READER.rows, 8, 8, 2),
        lambda: Learner(READER.rows, Shape(8, 16, 8), 2),
    ],
)
def test_each_kind_of_gate_learns_and_has_its_row(drawn: Callable[[], Student]) -> None:
    torch.manual_seed(1)
    student = drawn()
    chat = a_chat()
    texts = chat.measured_on["game"]
    held = {"game": (texts, margins(ask(texts), LIMITS, NAMES))}
    untaught = float(row(READER, student, held)[0])
    fit(student, lesson(chat.train, READER), distances(ask(chat.train), LIMITS, NAMES), epochs=25, seed=1, rate=0.03)
    assert 1 <= float(row(READER, student, held)[0]) < min(1.6, untaught)


def test_thresholds_keep_their_share_in_each_game() -> None:
    chat = replace(a_chat(), chosen_on={"game": a_chat().chosen_on["game"], "other": a_chat().measured_on["game"]})
    order = Order(READER, Shape(8, 16, 8), made=0, epochs=3)
    weights, entry = make_gate(chat, ask, LIMITS, NAMES, order)
    net, at = Net(weights, READER), entry.points[0].thresholds["0.999"]
    for texts in chat.chosen_on.values():
        positive = margins(ask(texts), LIMITS, NAMES) >= 0
        assert (in_every_reading(net, texts)[positive] >= at - 1e-4).all()


def test_mixtures_are_new_lines_and_repeatable() -> None:
    texts = ["one two three", "four five", "six"]
    first, again = (Mixer(["seven", "eight"], np.random.default_rng(1))(texts, 40) for _ in range(2))
    assert first == again
    assert len(first) == len(set(first)) == 40
    assert not set(first) & set(texts)
