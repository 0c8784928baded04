"""Stretches: the units in which history is read, judged and stored."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Stretch(NamedTuple):
    """A piece of history.

    ``source`` is a topic or a file; ``start`` and ``end`` (exclusive) count offsets in a topic, bytes in JSON Lines,
    row groups in Parquet.  ``weight`` is its share of the work, for progress: offsets, bytes or rows.
    """

    number: int
    source: str
    partition: int
    start: int
    end: int
    weight: int


class RawBatch(NamedTuple):
    """Records as they were stored.  ``topic`` is None if unknown; then ``positions`` are bytes or rows."""

    topic: str | None
    partition: int
    positions: NDArray[np.int64]
    values: Sequence[bytes | None]


class HistoryReader(Protocol):
    """Reads stretches; consecutive ones in order are the cheapest."""

    def read(self, stretch: Stretch, /) -> Iterator[RawBatch]:
        """Yield the records of a stretch in order.  Blocks on disk or network.

        Raises:
            FileError, TransportError, DataLost: it cannot be read completely.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


def cut(source: str, partition: int, span: tuple[int, int], size: int, first: int) -> list[Stretch]:
    """Cut a span of offsets at multiples of ``size``, numbering from ``first``.

    The cuts do not depend on where the span begins, so that overlapping runs share them.
    """
    start, end = span
    borders = [start, *range((start // size + 1) * size, end, size), end] if start < end else []
    return [
        Stretch(first + place, source, partition, low, high, high - low)
        for place, (low, high) in enumerate(pairwise(borders))
    ]
