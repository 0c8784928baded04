"""The pool: every training text of the student, with its target distribution."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final, TypeVar

import numpy as np

from model.training.labels import LabelMaps, Target
from model.training.recipe.blend import Floats, blend, with_label
from model.training.recipe.corpus import Corpus
from model.training.recipe.distil import Pool
from model.training.recipe.lessons import heads_of
from model.training.sources import Example

T = TypeVar("T")

GAMES: Final = ("gametox", "conda")
DRAWN: Final[Mapping[str, tuple[int, float]]] = {
    "olid": (3_000, 0.4), "davidson": (1_500, 0.25), "jigsaw": (3_000, 0.4), "hatemoji": (2_000, 0.5),
    "hatecheck": (1_400, 0.8), "madlibs": (3_000, 0.5), "surge": (1_000, 0.5), "own": (2_500, 0.6),
}  # fmt: skip
"""Number of examples of a set, and their weight; the games are used in full at weight 1 and more."""

RAW: Final = (20_000, 0.5)
INVENTED_WEIGHT: Final = 0.6
TRUST_IN_LABELS: Final[Mapping[str, float]] = {"gametox": 0.4, "conda": 0.4}
TRUST_ELSEWHERE: Final = 0.9
"""How far a label moves the ensemble's scores; outside the games the label dominates."""


@dataclass(slots=True)
class Syllabus:
    """Texts with their sources, human labels and weights; not yet scored by the teachers."""

    texts: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    said: list[list[Target]] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def add(self, text: str, origin: str, said: list[Target], weight: float) -> None:
        """Append one text."""
        self.texts.append(text)
        self.origins.append(origin)
        self.said.append(said)
        self.weights.append(weight)


def syllabus(corpus: Corpus, maps: LabelMaps, invented: Mapping[str, Sequence[str]], seed: int) -> Syllabus:
    """Return the pool's texts; ``invented`` has generated lines by their original set.

    Raises:
        LabelError: a label has no meaning.
    """
    rng = np.random.default_rng(seed)
    plan = Syllabus()
    for source in GAMES:
        for text, examples in _by_text(corpus.train[source]).items():
            plan.add(text, source, maps.targets(examples), min(3.0, 1 + 0.5 * log(len(examples))))
    for source, (number, weight) in DRAWN.items():
        drawn = _draw(corpus.train[source], number, rng)
        for example, target in zip(drawn, maps.targets(drawn), strict=True):
            plan.add(example.text, source, [target], weight)
    known = set(plan.texts)
    for text in _draw([text for text in corpus.raw if text not in known], RAW[0], rng):
        plan.add(text, "", [], RAW[1])
    for source, lines in invented.items():
        for line in lines:
            plan.add(line, source, [], INVENTED_WEIGHT)
    return plan


def taught(plan: Syllabus, answers: Mapping[str, Floats], maps: LabelMaps, names: Sequence[str]) -> Pool:
    """Return the pool: the ensemble's blended scores, moved towards the human labels."""
    estimates = blend(answers, plan.origins, heads_of(maps), names)
    wanted = estimates.copy()
    for place, (origin, said) in enumerate(zip(plan.origins, plan.said, strict=True)):
        if said:
            trust = TRUST_IN_LABELS.get(origin, TRUST_ELSEWHERE)
            wanted[place] = np.mean([with_label(estimates[place], target, trust) for target in said], axis=0)
    wanted /= wanted.sum(1, keepdims=True)
    return Pool(plan.texts, wanted, np.array(plan.weights, dtype=np.float32))


def _by_text(examples: Iterable[Example]) -> dict[str, list[Example]]:
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.text, []).append(example)
    return groups


def _draw(items: Sequence[T], number: int, rng: np.random.Generator) -> list[T]:
    return [items[place] for place in rng.permutation(len(items))[:number]]
