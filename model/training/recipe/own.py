"""Our own lines, filled from the templates of ``own.toml`` and ``groups.toml``."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from model.normalise import canonical
from model.training.probe import sentences
from model.training.sources import Example
from model.training.splits import normal_form

TEMPLATES: Final = Path(__file__).with_name("own.toml")
GROUPS: Final = Path(__file__).with_name("groups.toml")

_SLOT: Final = re.compile(r"\{(\w+)\}")


def own_lines(each: int, rng: np.random.Generator) -> list[Example]:
    """Return up to ``each`` distinct lines per category (twice as many harmless ones)."""
    return _filled(TEMPLATES, each, 2 * each, rng)


def group_lines(each: int, rng: np.random.Generator) -> list[Example]:
    """Return up to ``each`` distinct hateful lines that name a group, and three times as many harmless ones.

    None of them is a sentence of the probes.
    """
    probed = {normal_form(sentence) for sentence in sentences()}
    return [line for line in _filled(GROUPS, each, 3 * each, rng) if normal_form(line.text) not in probed]


def group_words() -> list[str]:
    """Return the single words that name groups in ``group_lines``, in alphabetical order."""
    document = tomllib.loads(GROUPS.read_text(encoding="utf-8"))
    names = {name for slot in document["groups"] for name in document["slots"][slot]}
    return sorted(name for name in names if " " not in name)


def _filled(path: Path, each: int, harmless: int, rng: np.random.Generator) -> list[Example]:
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    examples = []
    for category, templates in document["lines"].items():
        wanted = harmless if category == "non_toxic" else each
        lines = dict.fromkeys(canonical(line) for line in _fill(templates, document["slots"], wanted * 2, rng))
        examples += [Example(line, (category,), "own") for line in list(lines)[:wanted]]
    return examples


def _fill(
    templates: Sequence[str], slots: Mapping[str, Sequence[str]], number: int, rng: np.random.Generator
) -> Iterator[str]:
    for place in range(number):
        template = templates[place % len(templates)]
        yield _SLOT.sub(lambda slot: str(rng.choice(slots[slot[1]])), template)
