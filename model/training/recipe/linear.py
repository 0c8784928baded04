"""The linear baseline: logistic regression on words and character n-grams, half a minute of training.

Every network must beat it; predicting out of fold, it is also the cheapest member of the ensemble.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union

from model.folding import folding
from model.training.recipe.lessons import Lesson

FOLDS: Final = 4

Floats = NDArray[np.float32]


def fit_linear(lessons: Sequence[Lesson]) -> Pipeline:
    """Fit on the likeliest label of each lesson, weighted; blocks for tens of seconds."""
    model = make_pipeline(_features(), LogisticRegression(C=4.0, max_iter=60, tol=1e-3))
    labels = [int(lesson.wanted.argmax()) for lesson in lessons]
    weights = [lesson.weight for lesson in lessons]
    return model.fit(folded([lesson.text for lesson in lessons]), labels, logisticregression__sample_weight=weights)


def ask_linear(model: Pipeline, texts: Sequence[str], labels: int) -> Floats:
    """Return probabilities, (texts, labels)."""
    answer = np.zeros((len(texts), labels), dtype=np.float32)
    answer[:, model.classes_] = model.predict_proba(folded(texts))
    return answer


def out_of_fold(lessons: Sequence[Lesson], seed: int) -> Floats:
    """Return each lesson's prediction by a model that was fitted without it."""
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(lessons))
    answer = np.zeros((len(lessons), len(lessons[0].wanted)), dtype=np.float32)
    for held in range(FOLDS):
        model = fit_linear([lesson for lesson, place in zip(lessons, fold, strict=True) if place != held])
        rows = np.flatnonzero(fold == held)
        answer[rows] = ask_linear(model, [lessons[row].text for row in rows.tolist()], answer.shape[1])
    return answer


def folded(texts: Sequence[str]) -> list[str]:
    """Return the texts as the networks' tokenizers fold them."""
    normaliser = folding()
    return [normaliser.normalize_str(text) for text in texts]


def _features() -> FeatureUnion:
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), tokenizer=str.split, token_pattern=None, sublinear_tf=True, min_df=2),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=3),
    )
