"""Which labels a model disputes that was fitted without their lines: confident learning.

Where a set has one label per line and not each annotator's, this is the second look at a label that it allows.

Source: Northcutt, Jiang and Chuang, Confident Learning, JAIR 70 (2021): the confident joint.
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.training.labels import LabelMaps
from model.training.recipe.corpus import SEED
from model.training.recipe.lessons import lessons_by_source
from model.training.recipe.linear import out_of_fold
from model.training.sources import Example

NONE: Final = -1
"""No class is likely enough."""


def confident(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each line's class as the model sees it: the likeliest of those that reach their threshold, or ``NONE``.

    ``labels`` is (lines), ``probabilities`` (lines, classes), each line's by a model that was fitted without it.  A
    class's threshold is its mean probability over the lines that carry its label; one that no line carries is never
    reached.
    """
    thresholds = np.full(probabilities.shape[1], np.inf)
    for label in np.unique(labels).tolist():
        thresholds[label] = probabilities[labels == label, label].mean()
    reached = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(reached.max(axis=1) < 0, NONE, reached.argmax(axis=1))


def disputed(examples: Sequence[Example], head: str, clean: Collection[str], toxic: Collection[str]) -> set[str]:
    """Return the texts labelled clean that a linear model, fitted without them, confidently gives a toxic label.

    ``head`` names the label map.  A text with several labels carries the commonest.  Blocks for a minute or two.
    """
    maps = LabelMaps.read()
    lessons = lessons_by_source({head: examples}, maps)[head]
    names = next(list(label_map.labels) for label_map in maps.maps if label_map.sources[0] == head)
    labels = np.array([lesson.wanted.argmax() for lesson in lessons])
    found = confident(labels, out_of_fold(lessons, SEED).astype(np.float64))
    return {
        lesson.text
        for lesson, label, seen in zip(lessons, labels.tolist(), found.tolist(), strict=True)
        if names[label] in clean and seen != NONE and names[seen] in toxic
    }
