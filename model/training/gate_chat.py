"""The chat that a gate is distilled on: real lines, and lines recombined from them, since no labels are needed.

The texts for choosing thresholds and measuring are held out first, by the splits of the bundle's recipe, so that
neither the classifier nor the gate has seen them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from model.errors import DataError
from model.normalise import canonical
from model.training.augment import by_sound, disguise, dropped, repeated, swapped
from model.training.recipe.own import own_lines
from model.training.sources import PUBLIC, Example, read_public
from model.training.splits import Split, normal_form, split_by_match, split_by_text
from model.training.tables import Row, read_lines, read_rows

SEED: Final = 7
OWN: Final = "own"
"""Name under which non-public chat counts as another game."""
LONGEST: Final = 240
OTHERS: Final = ("twitch", "olid", "surge", "hatemoji", "hatecheck", "davidson")
"""Sets that widen the gate's vocabulary."""


@dataclass(frozen=True, slots=True)
class Chat:
    """Distinct canonical texts: for training, for choosing thresholds and for measuring, the last two by game.

    Thresholds are chosen on the bundle's development texts alone.  The classifier has memorised its training texts: its
    positives there are harder for a gate than later ones, and thresholds chosen on them would pass too much.
    """

    train: list[str]
    chosen_on: dict[str, list[str]]
    measured_on: dict[str, list[str]]
    before: list[str]
    """The chat of the training matches, line by line, with repeats."""
    stream: list[str]
    """The chat of held-out matches, line by line, with repeats."""


def gathered(data: Path | None, own: Sequence[Path]) -> Chat:
    """Read the public chat under ``data``, own chat, or both; blocks for seconds.

    Raises:
        DataError: neither is given, a file is missing or broken, or there is too little of a game's chat.
    """
    if data is None and not own:
        raise DataError("no chat to learn from: give --data, --chat or both")
    chat = NO_CHAT if data is None else read_chat(data)
    return with_own(chat, own) if own else chat


def with_own(chat: Chat, files: Sequence[Path]) -> Chat:
    """Add own lines: of the distinct texts 15 % for choosing, 15 % for measuring, the rest for training.

    Raises:
        DataError: a file is missing or broken, or the lines are too few.
    """
    lines = [Example(canonical(line), (), OWN) for file in files for line in read_lines(file)]
    split = split_by_text([line for line in lines if line.text], dev=0.15, test=0.15, seed=SEED)
    chosen_on = chat.chosen_on | {OWN: _lines(split.dev)}
    measured_on = chat.measured_on | {OWN: _lines(split.test)}
    closed = {normal_form(text) for held in (chosen_on, measured_on) for texts in held.values() for text in texts}
    train = [text for text in dict.fromkeys([*chat.train, *_lines(split.train)]) if normal_form(text) not in closed]
    short = [text for text in train if len(text) <= LONGEST]
    return _filled(replace(chat, train=short, chosen_on=chosen_on, measured_on=measured_on))


def read_chat(data: Path) -> Chat:
    """Read the public chat under ``data`` and hold out what must not be trained on; blocks for seconds.

    Raises:
        DataError: a file is missing or broken, or there is too little of a game's chat.
    """
    gametox, conda = _splits(data)
    lines = list(_conda_lines(data))
    held = {game: (_lines(sides[0]), _lines(sides[1])) for game, sides in held_back(data).items()}
    closed = {normal_form(text) for sides in held.values() for side in sides for text in side}
    trained = {example.match for example in conda.train}
    parts = [gametox.train, conda.train, *(read_public(data, name) for name in OTHERS)]
    parts.append(own_lines(300, np.random.default_rng(SEED)))
    train = [line for match, line in lines if match in trained] + [text for part in parts for text in _lines(part)]
    return _filled(
        Chat(
            train=[text for text in dict.fromkeys(train) if normal_form(text) not in closed and len(text) <= LONGEST],
            chosen_on={game: sides[0] for game, sides in held.items()},
            measured_on={game: sides[1] for game, sides in held.items()},
            before=[line for match, line in lines if match in trained],
            stream=[line for match, line in lines if match not in trained],
        )
    )


def _filled(chat: Chat) -> Chat:
    """Refuse chat with an empty side, which would otherwise fail only after minutes of scoring.

    Raises:
        DataError: names the side.
    """
    sides = {"learn": {"all games": chat.train}, "choose thresholds on": chat.chosen_on, "measure on": chat.measured_on}
    for purpose, games in sides.items():
        if empty := [game for game, texts in games.items() if not texts]:
            raise DataError(f"no chat of {', '.join(empty)} is left to {purpose}; give more distinct lines")
    return chat


NO_CHAT: Final = Chat([], {}, {}, [], [])


def held_back(data: Path) -> dict[str, tuple[list[Example], list[Example]]]:
    """Return, by game, what neither classifier nor gate is trained on: for choosing, and for measuring.

    Raises:
        SourceError: a file is missing or broken.
    """
    gametox, conda = _splits(data)
    return {"gametox": (read_public(data, "gametox_dev"), gametox.test), "conda": (conda.dev, conda.test)}


def _splits(data: Path) -> tuple[Split, Split]:
    gametox = split_by_text(read_public(data, "gametox"), dev=0.0, test=0.1, seed=SEED)
    return gametox, split_by_match(read_public(data, "conda"), dev=0.07, test=0.12, seed=SEED)


class Mixer:
    """Recombines lines: no label is needed, since the classifier scores them."""

    def __init__(self, words: Sequence[str], rng: np.random.Generator) -> None:
        self._words = words
        self._vocabulary = sorted(set(words))
        self._rng = rng
        self._manners: Final = (
            *(self._joined, self._cut, self._exchanged, self._inserted),
            *(self._closed_up, self._without_one, self._misspelt, self._hidden),
        )

    def __call__(self, texts: Sequence[str], number: int) -> list[str]:
        """Return about ``number`` distinct new lines, none of which is in ``texts``."""
        made: dict[str, None] = {}
        known = set(texts)
        for _ in range(3 * number):
            first, second = (texts[place].split() for place in self._rng.integers(len(texts), size=2))
            manner = self._manners[int(self._rng.integers(len(self._manners)))]
            text = canonical(" ".join(manner(first, second)))
            if 0 < len(text) <= LONGEST and text not in known:
                made[text] = None
            if len(made) == number:
                break
        return list(made)

    def _word(self) -> str:
        """Draw a word by frequency or, every other time, uniformly: abuse is mostly rare words."""
        words = self._words if self._rng.random() < 0.5 else self._vocabulary
        return words[int(self._rng.integers(len(words)))]

    def _place(self, words: list[str]) -> int:
        return int(self._rng.integers(len(words)))

    def _joined(self, first: list[str], second: list[str]) -> list[str]:
        return [*first, *second]

    def _cut(self, first: list[str], second: list[str]) -> list[str]:
        return [*first[: 1 + len(first) // 2], *second[len(second) // 2 :]]

    def _exchanged(self, first: list[str], _: list[str]) -> list[str]:
        return [self._word() if self._rng.random() < 0.3 else word for word in first]

    def _inserted(self, first: list[str], _: list[str]) -> list[str]:
        place = self._place([*first, ""])
        return [*first[:place], *(self._word() for _ in range(int(self._rng.integers(1, 4)))), *first[place:]]

    def _closed_up(self, first: list[str], _: list[str]) -> list[str]:
        """Join a word with a neighbour, or with any other."""
        place = self._place(first)
        if place + 1 < len(first):
            return [*first[:place], first[place] + first[place + 1], *first[place + 2 :]]
        return [
            *first[:place],
            first[place] + self._word() if self._rng.random() < 0.6 else self._word() + first[place],
        ]

    def _without_one(self, first: list[str], _: list[str]) -> list[str]:
        place = self._place(first)
        return [*first[:place], *first[place + 1 :]]

    def _misspelt(self, first: list[str], _: list[str]) -> list[str]:
        place = self._place(first)
        word = first[place]
        if len(word) < 3 or not word.isalpha():
            return first
        spell = _SPELLINGS[int(self._rng.integers(len(_SPELLINGS)))]
        return [*first[:place], spell(word, self._rng), *first[place + 1 :]]

    def _hidden(self, first: list[str], _: list[str]) -> list[str]:
        return disguise(" ".join(first), self._rng).split()


_SPELLINGS: Final = (swapped, dropped, repeated, by_sound)


def _lines(examples: Iterable[Example]) -> list[str]:
    return list(dict.fromkeys(example.text for example in examples if example.text))


def _conda_lines(data: Path) -> Iterator[tuple[str, str]]:
    """Yield each line as sent, with its match, match by match in order of time."""
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
