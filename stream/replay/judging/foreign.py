"""Recorded verdicts that name categories the candidate lacks, such as those of an older model."""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from stream.replay.history.joined import Mask
from stream.replay.history.recorded import Recorded


class Foreign(NamedTuple):
    """Which events' verdicts name such a category, and how many verdicts name each."""

    naming: Mask
    names: Counter[str]


def foreign(recorded: Recorded, known: Collection[str]) -> Foreign:
    """Find the verdicts that name a category not in ``known``, as their deciding category or with a score above 0.

    A score of 0 cannot affect a decision, so such a verdict is treated as one without it.
    """
    naming = np.zeros(len(recorded.fact), np.bool_)
    names = Counter[str]()
    for name in dict.fromkeys([*recorded.names, *(fact.category for fact in recorded.facts)]):
        if name in known:
            continue
        scored = [recorded.scores[:, place] > 0 for place, each in enumerate(recorded.names) if each == name]
        by_score = np.append(scored[0] if scored else np.zeros(len(recorded.scores), np.bool_), False)
        by_fact = np.array([*(fact.category == name for fact in recorded.facts), False], np.bool_)
        each_event = by_score[recorded.score] | by_fact[recorded.fact]  # -1, where there is no verdict, is the last
        naming |= each_event
        names[name] = int(each_event.sum())
    return Foreign(naming, +names)
