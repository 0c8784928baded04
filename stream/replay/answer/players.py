"""Players: who would be newly flagged or blocked, and who no longer."""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from schemas.verdict import ACTIONS
from stream.replay.parts import tables, worst_by_player

AT_ONCE: Final = 2_000_000
"""Maximum rows processed at once; with more, players are counted in several passes."""


class PlayerFlips(NamedTuple):
    """Players by the worst action of each side; ``worst`` is (baseline, candidate) → players."""

    worst: dict[tuple[str, str], int]

    @property
    def acted_upon(self) -> int:
        """Players that either side acts upon."""
        return sum(self.worst.values())

    def crossing(self, action: str) -> tuple[int, int]:
        """Return how many would newly meet ``action`` or worse, and how many no longer would."""
        rank = ACTIONS.index
        least = rank(action)
        new = sum(n for (before, after), n in self.worst.items() if rank(before) < least <= rank(after))
        spared = sum(n for (before, after), n in self.worst.items() if rank(after) < least <= rank(before))
        return new, spared


def count_players(paths: Sequence[Path], at_once: int = AT_ONCE) -> PlayerFlips:
    """Count players over all parts, in bounded memory.

    Raises:
        FileError: a part cannot be read.
    """
    rows = sum(table.num_rows for table in tables(paths))
    passes = max(1, -(-rows // at_once))
    worst: dict[tuple[str, str], int] = {}
    for number in range(passes):
        for (baseline, candidate), players in _one_pass(paths, number, passes).items():
            key = ACTIONS[baseline], ACTIONS[candidate]
            worst[key] = worst.get(key, 0) + players
    return PlayerFlips({key: worst[key] for key in sorted(worst)})


def _one_pass(paths: Sequence[Path], number: int, passes: int) -> dict[tuple[int, int], int]:
    """Count the players of this pass, by worst actions."""
    import pyarrow as pa

    chosen = []
    for table in tables(paths):
        if passes > 1:
            turns = [zlib.crc32(player.encode()) % passes == number for player in table["player_id"].to_pylist()]
            table = table.filter(pa.array(turns, pa.bool_()))
        chosen.append(table)
    if not chosen:
        return {}
    worst = worst_by_player(pa.concat_tables(chosen))
    codes = worst["baseline"].to_numpy().astype(np.int64) * len(ACTIONS) + worst["candidate"].to_numpy()
    values, amounts = np.unique(codes, return_counts=True)
    return {
        divmod(value, len(ACTIONS)): amount for value, amount in zip(values.tolist(), amounts.tolist(), strict=True)
    }
