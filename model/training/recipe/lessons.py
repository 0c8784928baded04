"""Lessons: texts with the target distribution over a head's labels."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.normalise import canonical
from model.training.augment import disguise
from model.training.labels import LabelMap, LabelMaps
from model.training.sources import Example

Floats = NDArray[np.float32]

EACH_EPOCH: Final[Mapping[str, int]] = {
    "olid": 1_500, "davidson": 500, "jigsaw": 1_200, "hatemoji": 900, "hatecheck": 700, "madlibs": 800,
    "surge": 300, "own": 1_500,
}  # fmt: skip
"""Lessons drawn anew each epoch; the game sets are used in full."""

RARE: Final[Mapping[str, float]] = {"hate": 2.0, "threat": 3.0, "extremism": 3.0, "profanity": 1.3}
"""Weight of a lesson whose label means this category in the game sets."""

LENT: Final = 0.2
"""Weight at which another set's lesson on a rare category also teaches the GameTox head."""

DISGUISED: Final = 0.25
"""Share of texts disguised, anew in each epoch."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A text, a head, the target distribution over that head's labels, a weight."""

    text: str
    head: str
    wanted: Floats
    weight: float


def heads_of(maps: LabelMaps) -> dict[str, LabelMap]:
    """Return the label maps by the name of their first source: one head each."""
    return {label_map.sources[0]: label_map for label_map in maps.maps}


def lessons_by_source(train: Mapping[str, Sequence[Example]], maps: LabelMaps) -> dict[str, list[Lesson]]:
    """Return one lesson per distinct text and source; annotator disagreement is kept as a distribution."""
    heads = heads_of(maps)
    return {source: _lessons(source, heads[source], examples) for source, examples in train.items()}


def _lessons(head: str, label_map: LabelMap, examples: Sequence[Example]) -> list[Lesson]:
    names = list(label_map.labels)
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        votes[example.text][next(name for name in names if name in example.labels)] += 1
    lessons = []
    for text, counted in votes.items():
        wanted = np.array([counted[name] for name in names], dtype=np.float32)
        weight = label_map.weight * min(3.0, 1 + 0.5 * log(wanted.sum()))
        weight *= max(RARE.get(category, 1.0) for name in counted for category in label_map.labels[name][:1])
        lessons.append(Lesson(text, head, wanted / wanted.sum(), weight))
    return lessons


def lent_to(head: str, by_source: Mapping[str, Sequence[Lesson]], maps: LabelMaps) -> list[Lesson]:
    """Return lessons of other sets whose label can only mean one label of ``head``, at the weight ``LENT``.

    From other sets only rare categories, from our own lines all.
    """
    heads = heads_of(maps)
    names = list(heads[head].labels)
    lent = []
    for source, lessons in by_source.items():
        if source in (head, "conda"):
            continue
        fits = {
            place: _same_meaning(meaning, heads[head]) for place, meaning in enumerate(heads[source].labels.values())
        }
        for lesson in lessons:
            label = fits[int(lesson.wanted.argmax())]
            if label is not None and (source == "own" or heads[head].labels[label][0] in RARE):
                wanted = np.eye(len(names), dtype=np.float32)[names.index(label)]
                lent.append(Lesson(lesson.text, head, wanted, LENT))
    return lent


def _same_meaning(categories: Sequence[str], label_map: LabelMap) -> str | None:
    fitting = [label for label, names in label_map.labels.items() if set(categories) <= set(names)]
    return fitting[0] if len(fitting) == 1 else None


def one_epoch(
    by_source: Mapping[str, Sequence[Lesson]], lent: Sequence[Lesson], rng: np.random.Generator
) -> list[Lesson]:
    """Draw the lessons of an epoch, a share of them disguised."""
    chosen: list[Lesson] = []
    for source, lessons in by_source.items():
        limit = min(len(lessons), EACH_EPOCH.get(source, len(lessons)))
        chosen += [lessons[place] for place in rng.permutation(len(lessons))[:limit]]
    chosen += [lent[place] for place in rng.permutation(len(lent))[:2_000]]
    return [_maybe_disguised(lesson, rng) for lesson in chosen]


def _maybe_disguised(lesson: Lesson, rng: np.random.Generator) -> Lesson:
    if rng.random() >= DISGUISED:
        return lesson
    text = canonical(disguise(lesson.text, rng, share=float(rng.uniform(0.2, 1.0))))
    return Lesson(text or lesson.text, lesson.head, lesson.wanted, lesson.weight)
