"""Rows of tokens as a network takes them: padded to a matrix, or one after another.

Nearly all arithmetic of a transformer is done token by token and does not ask to which row a token belongs; only
attention does.  So rows of all lengths can be multiplied by the weights at once, without padding.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

Row = Sequence[int]
"""Token ids; at least one."""


class Group(NamedTuple):
    """Neighbouring rows of one length."""

    rows: slice
    tokens: slice
    mask: Tensor | None
    """True where a token counts, [rows, 1, 1, length]; None if all do."""

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(self.rows.stop - self.rows.start)


class Packed(NamedTuple):
    """Rows one after another."""

    ids: Tensor
    """Token ids, [tokens]."""
    positions: Tensor
    """Each token's place in its row, [tokens]."""
    firsts: Tensor
    """Place of each row's first token, [rows]."""
    groups: Sequence[Group]


def packed(rows: Sequence[Row], device: torch.device) -> Packed:
    """Pack rows that are sorted by length."""
    ids = [token for row in rows for token in row]
    positions = [place for row in rows for place in range(len(row))]
    firsts = [at for at, place in enumerate(positions) if place == 0]
    groups: list[Group] = []
    row = token = 0
    for length, alike in groupby(map(len, rows)):
        count = sum(1 for _ in alike)
        groups.append(Group(slice(row, row + count), slice(token, token + count * length), None))
        row, token = row + count, token + count * length
    ids_, positions_, firsts_ = (torch.tensor(numbers, device=device) for numbers in (ids, positions, firsts))
    return Packed(ids_, positions_, firsts_, groups)


def padded(rows: Sequence[Row], pad: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return token ids and a mask that is True where a token counts, both [rows, tokens]; no mask if all do."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=device)
    if all(len(row) == longest for row in rows):
        return ids, None
    lengths = torch.tensor([len(row) for row in rows], device=device)
    return ids, torch.arange(longest, device=device) < lengths[:, None]


def as_packed(ids: Tensor, mask: Tensor | None) -> Packed:
    """Return padded rows as one group."""
    rows, length = ids.shape
    every = Group(slice(0, rows), slice(0, rows * length), None if mask is None else mask[:, None, None, :])
    positions = torch.arange(length, device=ids.device).repeat(rows)
    return Packed(ids.flatten(), positions, torch.arange(0, rows * length, length, device=ids.device), [every])
