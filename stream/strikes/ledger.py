"""The ledger: for each partition, what to read next, what is finished and what is committed.  Pure.

An epoch is the time between two rebalances: it opens when reading positions are set to the committed offsets and
closes when partitions are revoked.  Whatever was read or finished in a closed epoch no longer counts; the partition's
next owner reads it again.
"""

from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class Ledger(Generic[P]):
    """Positions of the partitions (of type ``P``) that one worker owns."""

    def __init__(self) -> None:
        self.epoch: int | None = None
        self._next: dict[P, int] = {}
        self._finished: dict[P, int] = {}
        self._taken: dict[P, int] = {}
        self._committed: dict[P, int] = {}

    def open(self, epoch: int, positions: Mapping[P, int]) -> None:
        """Begin an epoch at the committed offsets."""
        self.epoch = epoch
        self._next = dict(positions)
        self._finished = {}
        self._taken = dict(positions)
        self._committed = dict(positions)

    def close(self) -> None:
        """End the epoch."""
        self.epoch = None
        self._next = {}
        self._finished = {}
        self._taken = {}
        self._committed = {}

    def forsake(self, partition: P) -> None:
        """Give a partition up for this epoch; its uncommitted records are read again in the next."""
        self._next.pop(partition, None)
        self._finished.pop(partition, None)

    def positions(self, partitions: set[P]) -> dict[P, int]:
        """Return the next offsets to read, for the partitions that are owned."""
        return {partition: offset for partition, offset in self._next.items() if partition in partitions}

    def take(self, epoch: int, positions: Mapping[P, int], taken: Mapping[P, int]) -> bool:
        """Accept what was read; False if it was read in another epoch and must be dropped.

        ``positions`` are the next offsets to read; ``taken`` the offset after the last record, which is smaller where
        transaction markers follow.
        """
        if epoch != self.epoch:
            return False
        self._next.update({partition: offset for partition, offset in positions.items() if partition in self._next})
        self._taken.update({partition: offset for partition, offset in taken.items() if partition in self._next})
        return True

    def finish(self, epoch: int, partition: P, offset: int) -> None:
        """Record that everything up to and including ``offset`` is done."""
        if epoch == self.epoch and partition in self._next:
            self._finished[partition] = offset + 1

    def due(self) -> dict[P, int]:
        """Return the offsets to commit."""
        return dict(self._finished)

    def committed(self, epoch: int, offsets: Mapping[P, int]) -> None:
        """Record a commit; offsets finished meanwhile stay due."""
        if epoch == self.epoch:
            self._finished = {p: offset for p, offset in self._finished.items() if offsets.get(p) != offset}
            self._committed.update(offsets)

    def in_hand(self) -> set[P]:
        """Return the partitions with records that were read but not finished."""
        return {p for p, taken in self._taken.items() if taken > max(self._finished.get(p, 0), self.committed_to(p))}

    def committed_to(self, partition: P) -> int:
        """Return the offset before which everything is committed; 0 for a partition that is not owned."""
        return self._committed.get(partition, 0)

    def is_read_to(self, partition: P, end: int) -> bool:
        """Whether everything before ``end`` was read."""
        return self._next.get(partition, -1) >= end

    def is_committed_to(self, partition: P, end: int) -> bool:
        """Whether every record before ``end`` is committed."""
        return self.is_read_to(partition, end) and self.committed_to(partition) >= min(end, self._taken[partition])
