"""Restoring changelog partitions, each to its end, into the state on disk.

The checkpoint (the offset up to which the disk is complete) moves in the same write as the records before it, so a
restore may be interrupted anywhere and skips nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import aiokafka

from stream.errors import DataLost
from stream.strikes.store import KeptStore, Place
from stream.strikes.tally import change_of

Now = Callable[[], float]
"""A clock: seconds since the epoch."""
STALE_S: Final = 43_200
"""A disk unused for longer than this is rebuilt: by then the changelog may have lost its tombstones."""


class Reader(Protocol):
    """What a restore needs of aiokafka's consumer."""

    def assign(self, partitions: list[aiokafka.TopicPartition]) -> None:
        """Read these partitions."""
        ...

    async def beginning_offsets(self, partitions: list[aiokafka.TopicPartition]) -> dict[aiokafka.TopicPartition, int]:
        """Return the first available offset."""
        ...

    async def end_offsets(self, partitions: list[aiokafka.TopicPartition]) -> dict[aiokafka.TopicPartition, int]:
        """Return the offset after the last record."""
        ...

    def seek(self, partition: aiokafka.TopicPartition, offset: int) -> None:
        """Continue at an offset."""
        ...

    async def position(self, partition: aiokafka.TopicPartition) -> int:
        """Return where the next record will be."""
        ...

    async def getmany(
        self, *partitions: aiokafka.TopicPartition, timeout_ms: int, max_records: int
    ) -> Mapping[aiokafka.TopicPartition, Sequence[Any]]:
        """Return the next records."""
        ...


class Restore:
    """Restores changelog partitions, each into its store."""

    def __init__(self, reader: Reader, stores: dict[aiokafka.TopicPartition, KeptStore], now: Now) -> None:
        self._reader = reader
        self._now = now
        self._stores = stores

    async def run(self) -> int:
        """Restore, and return how many records were read.  May be cancelled and restarted at any point."""
        partitions = list(self._stores)
        self._reader.assign(partitions)
        begins = await self._reader.beginning_offsets(partitions)
        ends = await self._reader.end_offsets(partitions)
        for tp in partitions:
            self._reader.seek(tp, self._start(tp, begins[tp], ends[tp]))
        records, open_ones = 0, set(partitions)
        while True:
            open_ones = {tp for tp in open_ones if await self._reader.position(tp) < ends[tp]}
            if not open_ones:
                break
            records += await self._read(open_ones)
        now = self._now()
        for tp, store in self._stores.items():
            store.absorb(tp.partition, (), Place(await self._reader.position(tp), now))
        return records

    async def _read(self, open_ones: set[aiokafka.TopicPartition]) -> int:
        fetched = await self._reader.getmany(*open_ones, timeout_ms=1_000, max_records=5_000)
        now = self._now()
        for tp, records in fetched.items():
            place = Place(records[-1].offset + 1, now)
            try:
                changes = [change_of(record.key, record.value, record.headers) for record in records]
                self._stores[tp].absorb(tp.partition, changes, place)
            except ValueError as exc:
                offsets = f"{records[0].offset} to {records[-1].offset}"
                raise DataLost(f"{tp.topic} partition {tp.partition}, offsets {offsets}: {exc}") from exc
            await asyncio.sleep(0)
        return sum(len(records) for records in fetched.values())

    def _start(self, tp: aiokafka.TopicPartition, begin: int, end: int) -> int:
        """Return where to start; wipes the disk if the changelog can no longer complete it."""
        store = self._stores[tp]
        place = store.place(tp.partition)
        if place is not None and place.offset <= end and self._now() - place.at <= STALE_S:
            return max(place.offset, begin)
        store.wipe(tp.partition)
        return begin
