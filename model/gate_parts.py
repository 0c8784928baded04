"""The gate's cache: blank-separated parts of texts, with the rows of their tokens.

A dictionary look-up touches memory for its table, each key and each value, mostly outside the cache, which made it the
gate's most expensive step.  Here a whole chunk is looked up at once, in a table keyed by the bytes of short parts.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model.gate_words import Ints

Keys = NDArray[np.uint64]

_BLANK: Final = ord(" ")
_BREAK: Final = ord("\n")
"""Separator of texts; no canonical text contains it."""
_BITS: Final = 16
"""Bits of a slot number.  A part has two possible slots; if both are taken it is kept separately."""
_HALF: Final = 8
_LONGEST: Final = 2 * _HALF - 1
"""Maximum bytes of a part in a key: two numbers, with the length in the last byte.  Longer ones are kept separately."""
_MASKS: Final[Keys] = np.array([(1 << 8 * count) - 1 for count in range(_HALF + 1)], dtype=np.uint64)
_SPREAD: Final[Keys] = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], dtype=np.uint64)
_COUNT: Final = 16
"""Low bits of a value, the number of rows; the bits above are the start of the rows."""
_UNMET: Final = -1


class _Split:
    """Parts, each with its key and its two slots in the table."""

    def __init__(self, written: str) -> None:
        """Take parts, each followed by one blank or line break."""
        self.data: Final = written.encode()
        signs = np.frombuffer(self.data, dtype=np.uint8)
        breaks = signs == _BREAK
        self.ends: Final[Ints] = np.flatnonzero(breaks | (signs == _BLANK))
        self.last: Final[Ints] = breaks.take(self.ends).astype(np.int64)
        """1 for the last part of each text, 0 for others."""
        self.starts: Final[Ints] = np.concatenate([self.ends[:0], [0], self.ends[:-1] + 1])
        lengths = self.ends - self.starts
        # An eight-byte number from each byte; bytes after a part's end are masked.
        eights: Keys = np.ndarray(
            (len(self.data) + _HALF,), dtype="<u8", buffer=self.data + bytes(2 * _HALF), strides=(1,)
        )
        self.first: Final[Keys] = eights[self.starts] & _MASKS.take(lengths, mode="clip")
        second = eights[self.starts + _HALF] & _MASKS.take(lengths - _HALF, mode="clip")
        self.second: Final[Keys] = second | np.minimum(lengths, _LONGEST + 1).astype(np.uint64) << np.uint64(56)
        mixed = self.first * _SPREAD[0] ^ self.second * _SPREAD[1]
        self.places: Final[Ints] = (mixed >> np.uint64(64 - _BITS)).astype(np.int64)
        self.other_places: Final[Ints] = (mixed >> np.uint64(64 - 2 * _BITS)).astype(np.int64) & ((1 << _BITS) - 1)

    def part(self, number: int) -> bytes:
        """Return a part's bytes."""
        return self.data[self.starts[number] : self.ends[number]]


class Parts:
    """Parts and the rows of their tokens."""

    def __init__(self) -> None:
        self._table: Keys = np.zeros((1 << _BITS, 3), dtype=np.uint64)
        """Keys and values by slot; zeros if empty."""
        self._apart: dict[bytes, int] = {b"": 0}  # its key is all zeros, like an empty slot, and so is its value
        self._rows: Ints = np.zeros(1 << 12, dtype=np.int64)
        """Each part's rows and then 0, the row after a text's last part; those of the empty part come first."""
        self._used = 1
        self._number = 0

    def __len__(self) -> int:
        """Return how many parts are kept."""
        return self._number

    def rows(self, texts: Sequence[str]) -> tuple[Ints, list[str]]:
        """Return the rows of the texts' tokens, with row 0 before each text and after the last.

        The list has the parts that are not cached; if there are any, the rows are not usable.
        """
        split = _Split("\n" + "\n".join(texts) + "\n")
        found = self._table.take(split.places, axis=0)
        values = found[:, 2].astype(np.int64)
        missed = np.flatnonzero((found[:, 0] != split.first) | (found[:, 1] != split.second))
        again = self._table.take(split.other_places[missed], axis=0)
        values[missed] = again[:, 2]
        missed = missed[(again[:, 0] != split.first[missed]) | (again[:, 1] != split.second[missed])]
        apart = [self._apart.get(split.part(number), _UNMET) for number in missed.tolist()]
        if _UNMET in apart:
            unmet = [
                split.part(number) for number, value in zip(missed.tolist(), apart, strict=True) if value == _UNMET
            ]
            return values[:0], [part.decode() for part in dict.fromkeys(unmet)]
        values[missed] = apart
        counts = (values & ((1 << _COUNT) - 1)) + split.last
        at = ((values >> _COUNT) - counts.cumsum() + counts).repeat(counts)
        at += np.arange(len(at))
        return self._rows.take(at), []

    def keep(self, rows: Mapping[str, Sequence[int]]) -> None:
        """Cache the rows of new parts."""
        if not rows:
            return
        flat = [row for found in rows.values() for row in (*found, 0)]
        if self._used + len(flat) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(self._used + len(flat), dtype=np.int64)])
        self._rows[self._used : self._used + len(flat)] = flat
        counts = np.array([len(found) for found in rows.values()], dtype=np.int64)
        begins = self._used + (counts + 1).cumsum() - counts - 1
        self._place(_Split("".join(f"{part} " for part in rows)), begins << _COUNT | counts)
        self._used += len(flat)
        self._number += len(rows)

    def _place(self, split: _Split, values: Ints) -> None:
        """Put each value into the first free slot of its part, or keep it separately."""
        short = split.ends - split.starts <= _LONGEST
        free, other_free = (short & (self._table[at, 1] == 0) for at in (split.places, split.other_places))
        choices = zip(
            split.places.tolist(), free.tolist(), split.other_places.tolist(), other_free.tolist(), strict=True
        )
        chosen: dict[int, int] = {}
        for number, (place, is_free, other, other_is_free) in enumerate(choices):
            if is_free and place not in chosen:
                chosen[place] = number
            elif other_is_free and other not in chosen:
                chosen[other] = number
            else:
                self._apart[split.part(number)] = int(values[number])
        places, parts = list(chosen), list(chosen.values())
        self._table[places, 0], self._table[places, 1] = split.first[parts], split.second[parts]
        self._table[places, 2] = values[parts].astype(np.uint64)
