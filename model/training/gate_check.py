"""Measure a gate on texts that were not used to choose its thresholds.

    python -m model.training.gate_check --bundle DIR --data DIR

The protocol was fixed before its first figure.  All chat that neither classifier nor gate has seen is split into two
halves by a digest, CONDA by match and GameTox by text.  Thresholds are chosen on one half, as ``model.training.gate``
does, and measured on the other, then the reverse.  The 95 % intervals are from a bootstrap that resamples matches and
texts within each half, and chooses and measures anew each time.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.bundle import load_bundle
from model.errors import BundleError, DataError
from model.gate import load_gate
from model.training.gate import KEPT, asking, limits_of
from model.training.gate_chat import held_back
from model.training.gate_measure import Ask, Floats, in_every_reading, margins, threshold, worst
from model.training.run_main import run_main
from model.training.sources import Example
from model.training.splits import normal_form

DRAWS: Final = 1_000
SEED: Final = 11
Places = NDArray[np.int64]


class Unseen(NamedTuple):
    """One game's unseen texts: the gate's scores, the positives, and the texts of each group by half."""

    scores: Floats
    positive: NDArray[np.bool_]
    halves: tuple[list[Places], list[Places]]


class Found(NamedTuple):
    """Counts of texts: all, positive, passed, and both."""

    texts: int
    positives: int
    passed: int
    kept: int

    @property
    def share_kept(self) -> float:
        """Share of the positives that is passed to the classifier."""
        return self.kept / max(1, self.positives)

    @property
    def ratio(self) -> float:
        """Texts passed to the classifier over positives."""
        return self.passed / max(1, self.positives)


def halved(groups: Sequence[str]) -> tuple[list[Places], list[Places]]:
    """Return the positions of each group's texts, by half, chosen by a digest of the group's name."""
    places: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    halves: tuple[list[Places], list[Places]] = ([], [])
    for group, found in places.items():
        halves[blake2b(group.encode(), digest_size=1).digest()[0] & 1].append(np.array(found, dtype=np.int64))
    return halves


def crossed(games: Mapping[str, tuple[Unseen, tuple[Places, Places]]], kept: float) -> dict[str, tuple[Found, Found]]:
    """Return, by game, the counts of each half under the threshold chosen on the other halves of all games."""
    chosen = [
        min(threshold(game.scores[places[half]], game.positive[places[half]], kept) for game, places in games.values())
        for half in (0, 1)
    ]
    return {
        name: (_found(game, places[0], chosen[1]), _found(game, places[1], chosen[0]))
        for name, (game, places) in games.items()
    }


def _found(game: Unseen, places: Places, at: float) -> Found:
    positive, passed = game.positive[places], game.scores[places] >= at
    return Found(len(places), int(positive.sum()), int(passed.sum()), int((positive & passed).sum()))


def both(halves: Iterable[Found]) -> Found:
    """Add the halves up."""
    return Found(*(sum(counts) for counts in zip(*halves, strict=True)))


def drawn(games: Mapping[str, Unseen], kept: float, draws: int, seed: int) -> dict[str, list[Found]]:
    """Return, by game, the counts of both halves in each of so many draws."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[Found]] = {name: [] for name in games}
    for _ in range(draws):
        again = {
            name: (game, (_drawn(game.halves[0], rng), _drawn(game.halves[1], rng))) for name, game in games.items()
        }
        for name, halves in crossed(again, kept).items():
            found[name].append(both(halves))
    return found


def _drawn(groups: Sequence[Places], rng: np.random.Generator) -> Places:
    return np.concatenate([groups[place] for place in rng.integers(len(groups), size=len(groups))])


def report(games: Mapping[str, Unseen], kept: Sequence[float] = KEPT, draws: int = DRAWS) -> Iterator[str]:
    """Yield the rows of a table."""
    yield "| game | messages | positives | target | kept, halves | ratio, halves | kept | passed | ratio |"
    yield "|---|---|---|---|---|---|---|---|---|"
    whole = {name: (game, _whole(game)) for name, game in games.items()}
    for share in kept:
        again = drawn(games, share, draws, SEED)
        for name, halves in crossed(whole, share).items():
            yield f"| {name} {_row(share, halves, again[name])}"


def _row(share: float, halves: tuple[Found, Found], draws: Sequence[Found]) -> str:
    whole = both(halves)
    low, high = np.quantile([draw.ratio for draw in draws], [0.025, 0.975])
    cells = (
        f"{whole.texts:,}",
        f"{whole.positives} ({whole.positives / whole.texts:.1%})",
        f"{share:g}",
        ", ".join(f"{half.share_kept:.1%}" for half in halves),
        ", ".join(f"{half.ratio:.2f}" for half in halves),
        f"{whole.share_kept:.2%} (from {np.quantile([draw.share_kept for draw in draws], 0.025):.1%})",
        f"{whole.passed / whole.texts:.1%}",
        f"**{whole.ratio:.2f}** ({low:.2f} to {high:.2f})",
    )
    return " | ".join(("", *cells, "")).strip()


def _whole(game: Unseen) -> tuple[Places, Places]:
    return np.concatenate(game.halves[0]), np.concatenate(game.halves[1])


def group_of(example: Example) -> str:
    """Return the group that stays in one half: the example's match, or else the texts that look like it."""
    return example.match or normal_form(example.text)


def unseen(
    score: Callable[[Sequence[str]], Floats], ask: Ask, limits: Mapping[str, float], names: Sequence[str], data: Path
) -> dict[str, Unseen]:
    """Score all chat that neither gate nor classifier has seen with both; blocks for minutes.

    Raises:
        DataError: a file is missing or broken, or so small that a half is empty.
    """
    held = {
        name: {each.text: group_of(each) for side in sides for each in side if each.text}
        for name, sides in held_back(data).items()
    }
    halves = {name: halved(list(groups.values())) for name, groups in held.items()}
    if empty := [name for name, found in halves.items() if not all(found)]:
        raise DataError(f"{data}: too little chat of {', '.join(empty)} for two halves")
    games = {}
    for name, texts in ((name, list(groups)) for name, groups in held.items()):
        positive = margins(worst(ask, texts), limits, names) >= 0
        games[name] = Unseen(in_every_reading(score, texts), positive, halves[name])
    return games


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(prog="python -m model.training.gate_check", description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public chat")
    given = parser.parse_args()
    bundle = load_bundle(given.bundle)
    gate = load_gate(bundle)
    if gate is None:
        raise BundleError(f"{given.bundle}: no gate; distil one with `python -m model.training.gate`")
    for line in report(unseen(gate.net, asking(bundle), limits_of(bundle), bundle.taxonomy.names, given.data)):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    run_main(main)
