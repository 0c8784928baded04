"""The floor: a linear baseline on words and characters, trained in 20 s.  A model should beat it."""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from model.training.data import Labelled
from model.training.metrics import Floats
from model.training.probe import Score


def fit_floor(learn: Labelled, categories: int) -> Score:
    """Fit TF-IDF of words (1-2) and characters (2-5) with logistic regression; blocks for seconds to a minute.

    An example with several possible categories counts as the first.
    """
    first = np.array([target.categories[0] for target in learn.targets])
    weights = np.array([target.weight for target in learn.targets])
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")  # noqa: S106 - no password
    rare = 2 if len(learn) > 1_000 else 1
    letters = TfidfVectorizer(ngram_range=(2, 5), sublinear_tf=True, analyzer="char_wb", min_df=rare)
    linear = LogisticRegression(C=4, max_iter=300, class_weight="balanced")
    model = make_pipeline(make_union(words, letters), linear)
    model.fit(learn.texts, first, logisticregression__sample_weight=weights)

    def score(texts: Sequence[str]) -> Floats:
        scores: Floats = np.zeros((len(texts), categories))
        scores[:, linear.classes_] = model.predict_proba(list(texts))
        return scores

    return score
