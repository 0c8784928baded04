"""The gate's cache: the rows of its table for the tokens of each blank-separated part."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from model.parts import Column, Ints, Lines

_COUNT: Final = 16
"""Low bits of a value, the number of rows; the bits above are the start of the rows."""
_UNMET: Final = -1


class PartRows:
    """Parts and the rows of their tokens."""

    def __init__(self) -> None:
        self._values = Column(np.int64, _UNMET)
        self._rows: Ints = np.zeros(1 << 12, dtype=np.int64)
        """Each part's rows and then 0, the row after a text's last part."""
        self._used = 0
        self._number = 0

    def __len__(self) -> int:
        """Return how many parts are kept."""
        return self._number

    def rows(self, given: Sequence[Lines]) -> tuple[Ints, dict[int, str]]:
        """Return the rows of the texts' tokens, with row 0 before each text and after the last.

        Also returns the parts that are not cached, by number; if there are any, the rows are not usable.
        """
        looked_up = [self._values.look_up(lines) for lines in given]
        unmet = {number: part for _, new in looked_up for number, part in new.items()}
        if unmet:
            return self._rows[:0], unmet
        values = np.concatenate([values for values, _ in looked_up])
        counts = (values & ((1 << _COUNT) - 1)) + ~np.concatenate([lines.inner for lines in given])
        at = ((values >> _COUNT) - counts.cumsum() + counts).repeat(counts)
        at += np.arange(len(at))
        rows = np.zeros(len(at) + 1, dtype=np.int64)
        self._rows.take(at, out=rows[1:], mode="clip")
        return rows, unmet

    def keep(self, rows: Mapping[int, Sequence[int]]) -> None:
        """Cache the rows of new parts, by number."""
        flat = [row for found in rows.values() for row in (*found, 0)]
        if self._used + len(flat) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(self._used + len(flat), dtype=np.int64)])
        self._rows[self._used : self._used + len(flat)] = flat
        counts = np.array([len(found) for found in rows.values()], dtype=np.int64)
        begins = self._used + (counts + 1).cumsum() - counts - 1
        self._values.keep(dict(zip(rows, (begins << _COUNT | counts).tolist(), strict=True)))
        self._used += len(flat)
        self._number += len(rows)
