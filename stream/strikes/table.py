"""Faust's tables, made safe: what is stored on disk, what is read back from the changelog, and when.

Faust's own recovery reads changelogs through the consumer of the stream, by way of queues that a rebalance empties; a
recovery that is interrupted can go on behind records that it never applied.  Here a partition is read back by a reader
of its own, without a group, from the place up to which the disk is known to be complete; that place moves in the same
write as the records before it.  Of two values of one key the one with the later source offset stays, whatever their
order, so that a worker that was paused while others took over cannot put an old state in the place of a newer one.
"""

import asyncio
import gc
import json
import logging
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, cast

import aiokafka
import faust
import rocksdict
from faust.stores import rocksdb
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

from stream.strikes.logs import FAUST_LOG
from stream.strikes.tally import newer

if TYPE_CHECKING:
    from stream.strikes.app import StrikesApp

log: Final = logging.getLogger(__name__)

STALE_S: Final = 43_200
"""A disk left alone longer than this is read anew: by then the changelog may have forgotten what it had deleted."""
_PLACE: Final = b"\0place"


class Place(NamedTuple):
    """Up to which changelog offset a partition on disk is complete, and since when (seconds since the epoch)."""

    offset: int
    at: float


class KeptStore(rocksdb.Store):
    """Values of one table on disk, a RocksDB for each partition."""

    logger = FAUST_LOG

    def load(self, partition: int, key: bytes) -> bytes | None:
        """Return a value."""
        return cast("bytes | None", self._db_for_partition(partition).get(key))

    def save(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Keep a value; None removes it."""
        db = self._db_for_partition(partition)
        if value is None:
            db.delete(key)
        else:
            db.put(key, value)

    def kept(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Return what is kept."""
        return ((key, value) for key, value in self._db_for_partition(partition).items() if key != _PLACE)

    def place(self, partition: int) -> Place | None:
        """Return up to where the disk is complete; None when nothing is known."""
        found = self._db_for_partition(partition).get(_PLACE)
        return None if found is None else Place(*json.loads(found))

    def absorb(self, partition: int, changes: Iterable[tuple[bytes, bytes | None]], place: Place) -> None:
        """Apply changes in order and move the place past them, in one write."""
        db = self._db_for_partition(partition)
        current: dict[bytes, bytes | None] = {}
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in changes:
            before = current[key] if key in current else db.get(key)
            if value is None:
                batch.delete(key)
            elif newer(before, value):
                batch.put(key, value)
            else:
                continue
            current[key] = value
        batch.put(_PLACE, json.dumps(place).encode())
        db.write(batch)

    def wipe(self, partition: int) -> None:
        """Forget a partition's disk."""
        db = self._dbs.pop(partition, None)
        if db is not None:
            db.close()
        shutil.rmtree(self.partition_path(partition), ignore_errors=True)

    def revoke_partitions(self, table: Any, tps: set[TP]) -> None:
        """Close what is given up, so that another process may open it."""
        for tp in tps:
            db = self._dbs.pop(tp.partition, None) if tp.topic in table.changelog_topic.topics else None
            if db is not None:
                db.close()
        gc.collect()

    async def stop(self) -> None:
        """Close everything."""
        for db in self._dbs.values():
            db.close()
        self._dbs.clear()

    def persisted_offset(self, tp: TP) -> int | None:
        """Tell Faust nothing: it has nothing to read back."""
        return None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Ignore Faust's idea of how far the disk is."""


class KeptTable(faust.Table[bytes, bytes]):
    """A table with a changelog."""

    logger = FAUST_LOG

    @property
    def store(self) -> KeptStore:
        """Return what is on disk."""
        return cast("KeptStore", self.data)

    def _new_store(self) -> KeptStore:
        small = {"block_cache_size": 8 << 20, "write_buffer_size": 8 << 20, "max_write_buffer_number": 2}
        return KeptStore(
            "rocksdb://",
            self.app,
            self,
            table_name=self.name,
            key_type=bytes,
            key_serializer="raw",
            value_type=bytes,
            value_serializer="raw",
            loop=self.loop,
            options={**small, "max_open_files": 128, "driver": "rocksdict"},
        )

    async def keep(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Keep a value and write it to the changelog; None removes it from both."""
        self.store.save(partition, key, value)
        await self.say(partition, key, value)

    async def say(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a value to the changelog, perhaps again."""
        await cast("StrikesApp", self.app).outbox.put(self.changelog_topic_name, key, value, partition)


class KeptRecovery(Recovery):
    """Reads partitions back when they are assigned."""

    logger = FAUST_LOG

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owned: dict[TP, int] = {}

    def need_recovery(self) -> bool:
        """Say no: Faust's own recovery never runs."""
        return False

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Read back what may have changed elsewhere, before the first verdict of this epoch."""
        for tp in [tp for tp in self._owned if tp not in self.active_tps]:
            del self._owned[tp]
        # A partition that was ours in the generation before this one has had no other owner since.
        missing = {tp for tp in self.active_tps if self._owned.get(tp) != generation_id - 1}
        if missing:
            await self._read_back(missing)
        self._owned.update(dict.fromkeys(self.active_tps, generation_id))
        cast("StrikesApp", self.app).on_assigned(len({tp.partition for tp in self.active_tps}))
        await super().on_recovery_completed(generation_id)

    async def _read_back(self, partitions: set[TP]) -> None:
        app = cast("StrikesApp", self.app)
        started = time.monotonic()
        reader = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=app.bootstrap_servers,
            client_id="chatwarden-strikes-reader",
            enable_auto_commit=False,
            auto_offset_reset="none",
            check_crcs=True,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4_194_304,
            **app.security,
        )
        try:
            await reader.start()
            records = await Restore(reader, self._stores(partitions)).run()
        finally:
            await reader.stop()
        seconds = time.monotonic() - started
        app.on_restored(len(partitions), records, seconds)

    def _stores(self, partitions: set[TP]) -> dict[aiokafka.TopicPartition, KeptStore]:
        return {
            aiokafka.TopicPartition(tp.topic, tp.partition): cast("KeptTable", self.tp_to_table[tp]).store
            for tp in partitions
        }


class Reader(Protocol):
    """What reading back needs of aiokafka's consumer."""

    def assign(self, partitions: list[aiokafka.TopicPartition]) -> None:
        """Read these partitions."""
        ...

    async def beginning_offsets(self, partitions: list[aiokafka.TopicPartition]) -> dict[aiokafka.TopicPartition, int]:
        """Return the first offset there is."""
        ...

    async def end_offsets(self, partitions: list[aiokafka.TopicPartition]) -> dict[aiokafka.TopicPartition, int]:
        """Return the offset after the last record."""
        ...

    def seek(self, partition: aiokafka.TopicPartition, offset: int) -> None:
        """Read on from an offset."""
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
    """Reads changelog partitions to their ends, each into its store."""

    def __init__(self, reader: Reader, stores: dict[aiokafka.TopicPartition, KeptStore]) -> None:
        self._reader = reader
        self._stores = stores

    async def run(self) -> int:
        """Read and return how many records that took.  May be cancelled and begun again at any point."""
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
        now = time.time()
        for tp, store in self._stores.items():
            store.absorb(tp.partition, (), Place(await self._reader.position(tp), now))
        return records

    async def _read(self, open_ones: set[aiokafka.TopicPartition]) -> int:
        fetched = await self._reader.getmany(*open_ones, timeout_ms=1_000, max_records=5_000)
        now = time.time()
        for tp, records in fetched.items():
            changes = [(record.key, record.value) for record in records]
            place = Place(records[-1].offset + 1, now)
            self._stores[tp].absorb(tp.partition, changes, place)
            await asyncio.sleep(0)
        return sum(len(records) for records in fetched.values())

    def _start(self, tp: aiokafka.TopicPartition, begin: int, end: int) -> int:
        """Return where to read on; what is on disk is forgotten when the changelog no longer vouches for it."""
        store = self._stores[tp]
        place = store.place(tp.partition)
        if place is not None and place.offset <= end and time.time() - place.at <= STALE_S:
            return max(place.offset, begin)
        store.wipe(tp.partition)
        return begin


class KeptTables(TableManager):
    """Faust's table manager, with our recovery."""

    logger = FAUST_LOG

    @property
    def recovery(self) -> KeptRecovery:
        """Return the service that reads partitions back."""
        if self._recovery is None:
            self._recovery = KeptRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast("KeptRecovery", self._recovery)
