"""Probes: sentences written for testing, and disguised ones.

Functional tests after Röttger et al. 2021 (HateCheck), identity terms after Dixon et al. 2018 and Borkan et al. 2019.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from model.normalise import canonical
from model.training.augment import DISGUISES, Disguise
from model.training.metrics import CAUGHT, Flags, Floats, auc

FUNCTIONAL: Final = Path(__file__).parent / "probes" / "functional.toml"
IDENTITY: Final = Path(__file__).parent / "probes" / "identity.toml"
_SLOT: Final = re.compile(r"\{(\w+)\}")
_POWER: Final = -5.0

Score = Callable[[Sequence[str]], Floats]
"""Canonical texts to scores, [texts, categories]."""


class Kind(BaseModel):
    """One functional test: its cases, and the categories that pass."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    accept: Annotated[tuple[str, ...], Field(min_length=1)]
    templates: Annotated[tuple[str, ...], Field(min_length=1)]


class Functional(BaseModel):
    """A file of functional tests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: dict[str, tuple[str, ...]] = {}
    kinds: tuple[Kind, ...]


class Outcome(NamedTuple):
    """Number of cases, and of those passed."""

    cases: int
    passed: int


class Bias(NamedTuple):
    """AUCs of one identity term, and its false positives.

    ``subgroup``: among sentences that name it; ``bpsn``: harmless ones that name it against toxic ones that do not;
    ``bnsp``: toxic ones that name it against harmless ones that do not.  ``false_positives`` is the share of the
    harmless ones that name it with a score of 0.5 or more, which a good ranking does not exclude.
    """

    rows: int
    subgroup: float
    bpsn: float
    bnsp: float
    false_positives: float


def fill(template: str, slots: Mapping[str, Sequence[str]]) -> list[str]:
    """Return every filling of a template's slots."""
    names = list(dict.fromkeys(_SLOT.findall(template)))
    filled = []
    for words in product(*(slots[name] for name in names)):
        chosen = dict(zip(names, words, strict=True))
        filled.append(_SLOT.sub(lambda slot, chosen=chosen: chosen[slot.group(1)], template))  # type: ignore[misc]  # the default binds the loop variable
    return filled


def functional(score: Score, names: Sequence[str], path: Path = FUNCTIONAL) -> dict[str, Outcome]:
    """Run a file of functional tests; kinds whose accepted categories the taxonomy lacks are skipped."""
    found = {}
    for kind, cases in _cases(path):
        accepted = [place for place, name in enumerate(names) if name in kind.accept]
        if accepted:
            passed = np.isin(score(cases).argmax(axis=1), accepted)
            found[kind.name] = Outcome(len(cases), int(passed.sum()))
    return found


def _cases(path: Path) -> Iterator[tuple[Kind, list[str]]]:
    suite = Functional.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    for kind in suite.kinds:
        yield kind, [canonical(case) for template in kind.templates for case in fill(template, suite.slots)]


def sentences() -> list[str]:
    """Return every sentence of the functional tests and of the identity terms, canonical: none may be trained on."""
    return [case for _, cases in _cases(FUNCTIONAL) for case in cases] + identity_sentences()[0]


def functional_given(kinds: Sequence[str], right: Flags) -> dict[str, Outcome]:
    """Count a given suite by kind; ``right`` says which cases passed."""
    found: dict[str, list[bool]] = defaultdict(list)
    for kind, passed in zip(kinds, right.tolist(), strict=True):
        found[kind].append(passed)
    return {kind: Outcome(len(passes), sum(passes)) for kind, passes in sorted(found.items())}


def identity_sentences(path: Path = IDENTITY) -> tuple[list[str], Flags, tuple[str, ...]]:
    """Return our identity sentences, whether each is toxic, and the terms."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    slots = {"term": document["terms"]}
    harmless = [canonical(text) for template in document["harmless"] for text in fill(template, slots)]
    toxic = [canonical(text) for template in document["toxic"] for text in fill(template, slots)]
    flags: Flags = np.array([False] * len(harmless) + [True] * len(toxic))
    return harmless + toxic, flags, tuple(document["terms"])


def identity_bias(texts: Sequence[str], toxic: Flags, scores: Floats, terms: Iterable[str]) -> dict[str, Bias]:
    """Return the figures of each term that some harmless and some toxic sentences name.  Source: Borkan et al. 2019."""
    found = {}
    for term in terms:
        pattern = re.compile(rf"\b{re.escape(term)}\b")
        named: Flags = np.array([pattern.search(text) is not None for text in texts])
        within, harmful, harmless = named, named & toxic, named & ~toxic
        if harmful.any() and harmless.any():
            other_toxic, other_harmless = harmless | (~named & toxic), harmful | (~named & ~toxic)
            found[term] = Bias(
                int(named.sum()),
                auc(toxic[within], scores[within]),
                auc(toxic[other_toxic], scores[other_toxic]),
                auc(toxic[other_harmless], scores[other_harmless]),
                float((scores[harmless] >= CAUGHT).mean()),
            )
    return found


def power_mean(values: Sequence[float]) -> float:
    """Generalised mean with power -5, dominated by the worst groups.  Source: Jigsaw unintended bias, 2019."""
    present = np.array([value for value in values if np.isfinite(value)]).clip(1e-6)
    return float((present**_POWER).mean() ** (1 / _POWER))


def robustness(
    texts: Sequence[str], toxic_score: Callable[[Sequence[str]], Floats], seed: int = 7, most: int = 400
) -> dict[str, Outcome]:
    """Disguise the lines that are caught as written; count by disguise those still caught.  Empty if none is.

    Args:
        texts: toxic lines; the first ``most`` that are caught take part.
        toxic_score: canonical texts to toxic scores, [texts].
        seed: of the disguises.
        most: lines per disguise.
    """
    found: dict[str, Outcome] = {}
    scores = toxic_score(texts).tolist() if texts else []
    caught = [text for text, score in zip(texts, scores, strict=True) if score >= CAUGHT][:most]
    if not caught:
        return found
    for name, disguise in DISGUISES.items():
        generator = np.random.default_rng(seed)
        disguised = [canonical(_disguised(text, disguise, generator)) for text in caught]
        found[name] = Outcome(len(caught), int((toxic_score(disguised) >= CAUGHT).sum()))
    return found


def _disguised(text: str, disguise: Disguise, generator: np.random.Generator) -> str:
    """Disguise every word of three letters or more, leaving none plain."""
    words = text.split(" ")
    return " ".join(disguise(word, generator) if len(word) >= 3 and word.isalpha() else word for word in words)
