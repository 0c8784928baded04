"""What a policy never acts on counts as missed."""

from collections.abc import Sequence

import numpy as np

from model.training.acting import acted_on, of_all_severe
from model.training.data import Labelled
from model.training.evaluate import by_default
from model.training.labels import Target
from model.training.metrics import Bootstrap, Floats
from model.training.sources import Example
from schemas.taxonomy import ANY
from tests.support.checkpoints import TAXONOMY

SCORES = {"gg": (1.0, 0.0, 0.0, 0.0), "noob": (0.1, 0.9, 0.0, 0.0), "i will find you": (0.0, 0.0, 1.0, 0.0)}
LIMITS = {"insult": 0.5, ANY: 0.8}


def score(texts: Sequence[str]) -> Floats:
    found: Floats = np.array([SCORES[text] for text in texts])
    return found


def test_recall_counts_the_lines_of_a_category_without_a_limit() -> None:
    data = Labelled([Example(text, (), "own") for text in SCORES], [Target((place,), 1.0) for place in range(3)])
    of_some = by_default(score, data, TAXONOMY, LIMITS, Bootstrap(10))
    of_all = by_default(score, data, TAXONOMY, of_all_severe(LIMITS, TAXONOMY), Bootstrap(10))
    assert of_some["recall"][0] == 1.0
    assert of_all["recall"][0] == 0.5
    assert of_all["precision"][0] == of_some["precision"][0] == 1.0


def test_no_more_is_acted_on() -> None:
    scores, names = score(list(SCORES)), TAXONOMY.names
    assert of_all_severe(LIMITS, TAXONOMY) == {"insult": 0.5, ANY: 0.8, "threat": np.inf, "spam": np.inf}
    for limits in (LIMITS, {"insult": 0.5}):
        acted = acted_on(scores, limits, names)
        assert (
            acted_on(scores, of_all_severe(limits, TAXONOMY), names).tolist() == acted.tolist() == [False, True, False]
        )
