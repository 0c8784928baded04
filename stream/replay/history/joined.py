"""The values of a batch joined into one text, so that numpy can read pieces at many positions at once."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from stream.replay.history.columns import Codes

Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

PADDING: Final = 1_024
"""Padding before the first value and after the last: no read reaches further beyond a value."""
_OPENED: Final = b"[".ljust(PADDING)
_CLOSED: Final = b"]".rjust(PADDING)
_BETWEEN: Final = b","
QUOTE: Final = 0x22
_SPACE, _BACKSLASH = b" \\"
_VIEW: Final = np.dtype([("length", "<i4"), ("prefix", "V4"), ("buffer", "<i4"), ("start", "<i4")])
"""Arrow's view of a piece of a buffer that is longer than twelve bytes; it stores shorter ones differently."""
_MOST: Final = 2**31
"""Maximum bytes that such views can address."""


class Slices(NamedTuple):
    """Pieces of text: the distinct ones, and each row's index among them."""

    distinct: list[bytes]
    place: Codes


class Pattern:
    """The bytes allowed at each position of a piece: a literal's, except where another range is ``allowed``."""

    def __init__(self, literal: bytes) -> None:
        self._least: Final = np.frombuffer(literal, np.uint8).copy()
        self._beyond: Final = np.zeros(len(literal), np.uint8)
        self._is_literal = True

    def __len__(self) -> int:
        return len(self._least)

    def allow(self, where: slice, least: int, beyond: int) -> None:
        """Allow at some positions the bytes from ``least`` to ``beyond`` more than that; 0 follows 255."""
        self._least[where], self._beyond[where] = least, beyond
        self._is_literal = False

    def allow_string(self, where: slice) -> None:
        """Allow the bytes of a string: all but a quote."""
        self.allow(where, QUOTE + 1, 254)

    def matches(self, pieces: Bytes) -> Mask:
        """Return which pieces match."""
        same: Mask = (
            np.equal(pieces, self._least) if self._is_literal else np.less_equal(pieces - self._least, self._beyond)
        )
        # Mostly all do, and checking all at once is several times faster than row by row.
        return np.ones(len(pieces), np.bool_) if same.all() else np.logical_and.reduce(same, axis=1)


class Joined(Sequence[bytes | None]):
    """The values, concatenated; ``start`` and ``end`` are their positions, empty for a missing value.

    ``text`` is a list in JSON if all values are JSON.
    """

    def __init__(self, pieces: Sequence[bytes], lengths: Sequence[Codes], absent: frozenset[int] = frozenset()) -> None:
        """Take values that are joined by commas in one or several pieces, and their lengths."""
        with_commas = [part for piece in pieces for part in (_BETWEEN, piece)]
        self.text: Final = b"".join([_OPENED, *with_commas[1:], _CLOSED])
        known = np.concatenate([np.empty(0, np.int64), *lengths])
        self.end: Final = np.cumsum(known + len(_BETWEEN)) + (PADDING - len(_BETWEEN))
        self.start: Final = self.end - known
        self._absent = absent

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> "Joined":
        """Join values; the arguments are not changed."""
        if isinstance(values, cls):
            return values
        joiner = Joiner()
        joiner.add(values)
        return joiner.take()

    def __len__(self) -> int:
        return len(self.end)

    @overload
    def __getitem__(self, place: int) -> bytes | None: ...

    @overload
    def __getitem__(self, place: slice) -> list[bytes | None]: ...

    def __getitem__(self, place: int | slice) -> bytes | list[bytes | None] | None:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        return None if place in self._absent else self.text[self.start[place] : self.end[place]]

    def without(self, dropped: Sequence[int]) -> "Joined":
        """Return the values except for a few, whose positions are in order."""
        runs = [slice(before + 1, after) for before, after in pairwise([-1, *dropped, len(self)]) if after - before > 1]
        pieces = [self.text[self.start[run][0] : self.end[run][-1]] for run in runs]
        absent = [place - bisect_left(dropped, place) for place in self._absent.difference(dropped)]
        return Joined(pieces, [self.end[run] - self.start[run] for run in runs], frozenset(absent))

    def plain(self) -> Mask:
        """Whether values are free of escapes and control characters, so that strings are as they appear.

        No value counts as such if the text is too long for ``slices``.
        """
        plain = np.full(len(self.end), len(self.text) < _MOST)
        least = np.frombuffer(self.text, np.int8).min()  # negative if there are others than ASCII's
        if least < _SPACE or _BACKSLASH in self.text:
            text = np.frombuffer(self.text, np.uint8)
            odd = np.flatnonzero((text < _SPACE) | (text == _BACKSLASH))
            plain[np.searchsorted(self.end, odd, "right")] = False
        if least < 0:
            try:
                self.text.decode()
            except UnicodeDecodeError:
                plain[:] = False
        return plain

    def pieces(self, at: Codes, width: int) -> Bytes:
        """Return a row of so many bytes from each position."""
        # One element per byte of text, ``width`` bytes long: taking one copies so many bytes.
        windows: NDArray[np.void] = np.ndarray(len(self.text) - width + 1, f"V{width}", self.text, strides=(1,))
        return windows[at].view(np.uint8).reshape(len(at), width)

    def slices(self, start: Codes, end: Codes) -> Slices:
        """Return pieces, each longer than twelve bytes."""
        import pyarrow as pa

        views = np.zeros(len(start), _VIEW)
        views["length"] = end - start
        views["prefix"] = self.pieces(start, 4).view("V4")[:, 0]
        views["start"] = start
        buffers = [None, pa.py_buffer(views), pa.py_buffer(self.text)]
        pieces = pa.Array.from_buffers(pa.binary_view(), len(start), buffers).dictionary_encode()
        return Slices(pieces.dictionary.to_pylist(), pieces.indices.to_numpy().astype(np.int64))


class Joiner:
    """Joins values as they arrive, a few at a time: each is copied while it is still in the processor's cache."""

    def __init__(self) -> None:
        self._forget()

    def __len__(self) -> int:
        return self._count

    def add(self, values: Sequence[bytes | None]) -> None:
        """Append values."""
        if not values:
            return
        try:
            piece = _BETWEEN.join(values)  # type: ignore[arg-type]  # mostly there is none among them
            lengths = map(len, values)  # type: ignore[arg-type]  # as above
        except TypeError:
            self._absent.update(self._count + place for place, value in enumerate(values) if value is None)
            known = [value or b"" for value in values]
            piece, lengths = _BETWEEN.join(known), map(len, known)
        self._pieces.append(piece)
        self._lengths.append(np.fromiter(lengths, np.int64, len(values)))
        self._count += len(values)

    def take(self) -> Joined:
        """Return what was added, and start over."""
        joined = Joined(self._pieces, self._lengths, frozenset(self._absent))
        self._forget()
        return joined

    def _forget(self) -> None:
        self._pieces: list[bytes] = []
        self._lengths: list[Codes] = []
        self._absent: set[int] = set()
        self._count = 0
