"""The recipe's training and evaluation data: the held-out parts first, then everything that does not overlap them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from model.training.recipe.own import own_lines
from model.training.sources import Example, read_public
from model.training.splits import normal_form, refuse_leaks, split_by_match, split_by_text, without

SEED: Final = 7
SENTENCE_WORDS: Final = 30


@dataclass(frozen=True, slots=True)
class Corpus:
    """Labelled examples by set and side, and the raw chat; no training text has the normal form of a held-out one."""

    train: dict[str, list[Example]]
    dev: dict[str, list[Example]]
    test: dict[str, list[Example]]
    raw: list[str]


def read_corpus(data: Path) -> Corpus:
    """Read every set under ``data`` and split it; blocks on reading (seconds).

    Raises:
        SourceError: a file is missing or broken.
        LeakError: a split failed its own check.
    """
    gametox = split_by_text(read_public(data, "gametox"), dev=0.0, test=0.1, seed=SEED)
    gametox_dev = read_public(data, "gametox_dev")
    conda = split_by_match(read_public(data, "conda"), dev=0.07, test=0.12, seed=SEED)
    hatecheck = _by_template(read_public(data, "hatecheck"))
    madlibs = split_by_text(read_public(data, "madlibs"), dev=0.0, test=0.1, seed=SEED)
    dev = {"gametox": gametox_dev, "conda": conda.dev}
    test = {"gametox": gametox.test, "conda": conda.test, "hatecheck": hatecheck[1], "madlibs": madlibs.test}
    held_back = [example for side in (dev, test) for part in side.values() for example in part]
    train = {"gametox": gametox.train, "conda": conda.train, "hatecheck": hatecheck[0], "madlibs": madlibs.train}
    train |= {name: list(_sentences(read_public(data, name))) for name in ("olid", "davidson", "jigsaw")}
    train |= {name: read_public(data, name) for name in ("surge", "hatemoji")}
    train["own"] = own_lines(300, np.random.default_rng(SEED))
    train = {name: without(examples, held_back) for name, examples in train.items()}
    refuse_leaks((example for part in train.values() for example in part), held_back)
    twitch = without(_once(read_public(data, "twitch")), held_back)
    raw = [example.text for part in (train["gametox"], train["conda"], twitch) for example in _once(part)]
    return Corpus(train, dev, test, raw)


def _by_template(examples: Iterable[Example]) -> tuple[list[Example], list[Example]]:
    """Hold out every fourth template of the functional tests."""
    examples = list(examples)
    templates = sorted({example.match for example in examples})
    held = set(templates[::4])
    return (
        [example for example in examples if example.match not in held],
        [example for example in examples if example.match in held],
    )


def _once(examples: Iterable[Example]) -> list[Example]:
    first: dict[str, Example] = {}
    for example in examples:
        first.setdefault(normal_form(example.text), example)
    return list(first.values())


def _sentences(examples: Iterable[Example]) -> Iterator[Example]:
    """Split long comments into short ones: game chat has 3 words, and a model must not learn length as a label.

    A clean comment's sentences are all clean.  A toxic comment is kept only if it is short enough to be one
    sentence, since the label does not say which sentence is toxic.
    """
    for example in examples:
        words = example.text.split()
        if len(words) <= SENTENCE_WORDS:
            yield example
        elif example.labels == ("none",):
            yield Example(" ".join(words[:12]), example.labels, example.source)
