"""What every classifier must do, asked of the fake and of the real one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from model.classifier import Classifier, PoisonedText
from model.torch_classifier import TorchClassifier
from tests.support.checkpoints import TAXONOMY, tiny_bundle
from tests.support.fake_classifier import FakeClassifier

TEXTS = ["gg", "well played everyone", "you are bad", "go go go", "gg", "", "x" * 3_000, "日本語 👍", "a b c d e f g"]


def fake(_: Path) -> Classifier:
    return FakeClassifier(TAXONOMY)


def single_label(folder: Path) -> Classifier:
    return TorchClassifier(tiny_bundle(folder / "single"), "cpu")


def multi_label(folder: Path) -> Classifier:
    return TorchClassifier(tiny_bundle(folder / "multi", problem_type="multi_label_classification"), "cpu")


def two_threads(folder: Path) -> Classifier:
    return TorchClassifier(tiny_bundle(folder / "threads"), "cpu", budget=64, threads=2)


@pytest.fixture(params=[fake, single_label, multi_label, two_threads], ids=lambda maker: maker.__name__)
def classifier(request: pytest.FixtureRequest, tmp_path: Path) -> Classifier:
    maker: Callable[[Path], Classifier] = request.param
    return maker(tmp_path)


def test_one_vector_per_text_as_long_as_the_taxonomy(classifier: Classifier) -> None:
    scores = classifier(TEXTS)
    assert len(scores) == len(TEXTS)
    assert {len(vector) for vector in scores} == {len(TAXONOMY.names)}


def test_no_texts_no_scores(classifier: Classifier) -> None:
    assert list(classifier([])) == []


def test_scores_are_probabilities_on_the_grid(classifier: Classifier) -> None:
    for vector in classifier(TEXTS):
        assert all(0 <= score <= 1 and score == round(score, 3) for score in vector)


def test_a_text_scores_the_same_alone_as_among_others(classifier: Classifier) -> None:
    together = classifier(TEXTS)
    assert [classifier([text])[0] for text in TEXTS] == list(together)


def test_order_is_that_of_the_texts(classifier: Classifier) -> None:
    assert list(classifier(TEXTS[::-1])) == list(classifier(TEXTS))[::-1]


def test_texts_score_differently(classifier: Classifier) -> None:
    assert len(set(classifier(TEXTS))) > len(TEXTS) / 2


def test_an_unreadable_text_is_named(classifier: Classifier) -> None:
    if isinstance(classifier, FakeClassifier):
        classifier = FakeClassifier(TAXONOMY, poison="\ud800")
    with pytest.raises(PoisonedText) as caught:
        classifier(["gg", "lone \ud800 surrogate", "wp"])
    assert caught.value.index == 1
