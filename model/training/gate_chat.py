"""The chat a gate is distilled on: real lines, and lines recombined from them, as no label is needed.

What the gate is chosen and measured on is held back first, by the splits that the bundle's recipe uses too, so that
neither the classifier nor the gate has seen it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from model.normalise import canonical
from model.training.augment import disguise
from model.training.sources import PUBLIC, Example, Row, read_public, read_rows
from model.training.splits import normal_form, split_by_match, split_by_text

SEED: Final = 7
LONGEST: Final = 240
OTHERS: Final = ("twitch", "olid", "surge", "hatemoji", "hatecheck")
"""Sets that widen the gate's vocabulary."""


@dataclass(frozen=True, slots=True)
class Chat:
    """Distinct canonical texts: for training, for choosing thresholds and for measuring, the last two by game."""

    train: list[str]
    chosen_on: dict[str, list[str]]
    measured_on: dict[str, list[str]]
    before: list[str]
    """The chat of the matches trained on, line by line, repeats kept."""
    stream: list[str]
    """The chat of held-back matches, line by line, repeats kept."""


def read_chat(data: Path) -> Chat:
    """Read the public chat under ``data`` and hold back what must not be trained on; blocks for seconds.

    Raises:
        SourceError: a file is missing or broken.
    """
    gametox = split_by_text(read_public(data, "gametox"), dev=0.0, test=0.1, seed=SEED)
    conda = split_by_match(read_public(data, "conda"), dev=0.07, test=0.12, seed=SEED)
    lines = list(_conda_lines(data))
    held = {
        "gametox": (_lines(read_public(data, "gametox_dev")), _lines(gametox.test)),
        "conda": (_lines(conda.dev), _lines(conda.test)),
    }
    closed = {normal_form(text) for sides in held.values() for side in sides for text in side}
    trained = {example.match for example in conda.train}
    parts = [gametox.train, conda.train, *(read_public(data, name) for name in OTHERS)]
    train = [line for match, line in lines if match in trained] + [text for part in parts for text in _lines(part)]
    return Chat(
        train=[text for text in dict.fromkeys(train) if normal_form(text) not in closed and len(text) <= LONGEST],
        chosen_on={game: sides[0] for game, sides in held.items()},
        measured_on={game: sides[1] for game, sides in held.items()},
        before=[line for match, line in lines if match in trained],
        stream=[line for match, line in lines if match not in trained],
    )


def recombined(texts: Sequence[str], number: int, rng: np.random.Generator) -> list[str]:
    """Return new lines made of old ones: joined, cut, with words exchanged, disguised."""
    made: list[str] = []
    words = [word for text in texts for word in text.split()]
    while len(made) < number:
        first, second = (texts[place].split() for place in rng.integers(len(texts), size=2))
        match int(rng.integers(6)):
            case 0:
                line = [*first, *second]
            case 1:
                line = [*first[: 1 + len(first) // 2], *second[len(second) // 2 :]]
            case 2 | 3:
                line = [str(words[rng.integers(len(words))]) if rng.random() < 0.35 else word for word in first]
            case 4:
                line = [str(words[place]) for place in rng.integers(len(words), size=rng.integers(1, 4))]
            case _:
                line = disguise(" ".join(first), rng).split()
        text = canonical(" ".join(line))
        if 0 < len(text) <= LONGEST:
            made.append(text)
    return list(dict.fromkeys(made))


def _lines(examples: Iterable[Example]) -> list[str]:
    return list(dict.fromkeys(example.text for example in examples if example.text))


def _conda_lines(data: Path) -> Iterator[tuple[str, str]]:
    """Yield each line as it was sent, with its match, match by match in order of time."""
    rows = list(read_rows(data / PUBLIC["conda"][0]))
    order = sorted(range(len(rows)), key=lambda place: (str(rows[place]["match_id"]), _seconds(rows[place])))
    for place in order:
        for line in str(rows[place]["utterance"]).split("[SEPA]"):
            if text := canonical(line):
                yield str(rows[place]["match_id"]), text


def _seconds(row: Row) -> float:
    try:
        return float(str(row.get("seconds")))
    except ValueError:
        return 0.0
