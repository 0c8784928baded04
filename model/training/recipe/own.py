"""Our own lines, filled from the templates of ``own.toml``."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from model.normalise import canonical
from model.training.sources import Example

TEMPLATES: Final = Path(__file__).with_name("own.toml")

_SLOT: Final = re.compile(r"\{(\w+)\}")


def own_lines(each: int, rng: np.random.Generator) -> list[Example]:
    """Return up to ``each`` distinct lines per category (twice as many harmless ones)."""
    document = tomllib.loads(TEMPLATES.read_text(encoding="utf-8"))
    examples = []
    for category, templates in document["lines"].items():
        wanted = each * (2 if category == "non_toxic" else 1)
        lines = dict.fromkeys(canonical(line) for line in _fill(templates, document["slots"], wanted * 2, rng))
        examples += [Example(line, (category,), "own") for line in list(lines)[:wanted]]
    return examples


def _fill(
    templates: Sequence[str], slots: Mapping[str, Sequence[str]], number: int, rng: np.random.Generator
) -> Iterator[str]:
    for place in range(number):
        template = templates[place % len(templates)]
        yield _SLOT.sub(lambda slot: str(rng.choice(slots[slot[1]])), template)
