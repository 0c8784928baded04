"""A buffer of prefetched records."""

from collections import deque
from collections.abc import Callable
from typing import Final

from stream.records import Record

MOST_BYTES: Final = 16_777_216
"""With this many bytes of values a buffer is full, however few its records."""


class ReadAhead:
    """A buffer that is full at ``most`` records, and stays so until half of them are taken.

    Reading is paused while it is full; after a pause librdkafka needs up to a second to deliver records again, and
    meanwhile the other half keeps the judge busy.
    """

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        self.most: Final = most
        self._most_bytes: Final = most_bytes
        self._records: deque[Record] = deque()
        self._bytes = 0
        self._full = False

    def __len__(self) -> int:
        return len(self._records)

    def append(self, record: Record) -> None:
        """Add a record, even beyond ``most``, since what was read must not be lost."""
        self._records.append(record)
        self._bytes += _size(record)

    def take(self, limit: int) -> list[Record]:
        """Remove and return the oldest records, at most ``limit``."""
        records = [self._records.popleft() for _ in range(min(limit, len(self._records)))]
        self._bytes -= sum(map(_size, records))
        return records

    def keep(self, wanted: Callable[[Record], bool]) -> None:
        """Drop all but the wanted records."""
        kept = list(filter(wanted, self._records))
        self.clear()
        for record in kept:
            self.append(record)

    def clear(self) -> None:
        """Drop every record."""
        self._records.clear()
        self._bytes = 0

    def full(self) -> bool:
        """Whether reading should pause."""
        if self._full:
            self._full = len(self) > self.most // 2 or self._bytes > self._most_bytes // 2
        else:
            self._full = len(self) >= self.most or self._bytes >= self._most_bytes
        return self._full


def _size(record: Record) -> int:
    return len(record.value or b"")
