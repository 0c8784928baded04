"""Faust's tables, made safe: what is stored, what is written to the changelog, and when it is restored.

Faust's own recovery reads changelogs through the stream's consumer, by way of queues that a rebalance empties; an
interrupted recovery can continue after records that it never applied.  Here a newly assigned partition is restored by a
consumer of its own, without a group.  Of two values of one key the one with the later source offset wins, whatever
their order, so a worker that was paused while others took over cannot overwrite a newer state with an old one.
"""

import asyncio
from typing import TYPE_CHECKING, Any, cast

import aiokafka
import faust
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

from stream.strikes.logs import FAUST_LOG
from stream.strikes.restore import Restore
from stream.strikes.store import KeptStore
from stream.strikes.tally import UNTIL, stored_offset

if TYPE_CHECKING:
    from stream.strikes.app import StrikesApp
    from stream.strikes.transport import VerdictConsumer


class KeptTable(faust.Table[bytes, bytes]):
    """A table with a changelog."""

    logger = FAUST_LOG

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # So that the changelog has values in the same order as the disk.
        self._turn = asyncio.Lock()

    @property
    def store(self) -> KeptStore:
        """Return the state on disk."""
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

    async def keep(self, partition: int, key: bytes, value: bytes) -> None:
        """Store a value and write it to the changelog."""
        async with self._turn:
            self.store.save(partition, key, value)
            await self.say(partition, key, value)

    async def say(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Write a value to the changelog, possibly again."""
        await cast("StrikesApp", self.app).outbox.put(self.changelog_topic_name, key, value, partition)

    async def forget(self, partition: int, key: bytes, value: bytes | None, until: int) -> bool:
        """Remove a value, but no state later than ``until``; False, without effect, if it has been replaced.

        Written to the changelog even if there is no value here: there may be one in the changelog.
        """
        async with self._turn:
            if self.store.load(partition, key) != value:
                return False
            self.store.save(partition, key, None)
            await self._remove(partition, key, until)
            return True

    async def say_lapsed(self, partition: int, key: bytes, value: bytes, left: bytes | None) -> bool:
        """Write to the changelog what is left of a value; False, without effect, if it has been replaced.

        A removal spares any state later than the value: its writer may have been paused and not know of it.
        """
        async with self._turn:
            if self.store.load(partition, key) != value:
                return False
            if left is None:
                await self._remove(partition, key, stored_offset(value))
            else:
                await self.say(partition, key, left)
            return True

    async def _remove(self, partition: int, key: bytes, until: int) -> None:
        headers = [(UNTIL, str(until).encode())]
        await cast("StrikesApp", self.app).outbox.put(self.changelog_topic_name, key, None, partition, headers)


class KeptRecovery(Recovery):
    """Restores partitions when they are assigned."""

    logger = FAUST_LOG

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._owned: dict[TP, int] = {}

    def need_recovery(self) -> bool:
        """Return False: Faust's own recovery never runs."""
        return False

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Restore what may have changed elsewhere, before the first verdict of this epoch.

        A rebalance may overtake this at any point.  What was restored by then counts; the epoch is not opened.
        """
        app = cast("StrikesApp", self.app)
        # Read now: a rebalance that overtakes us changes both.
        tps, rebalances = frozenset(self.active_tps), app.rebalancing_count
        for tp in self._owned.keys() - tps:
            del self._owned[tp]
        # A partition that was ours in the generation before this one has had no other owner since.
        missing = {tp for tp in tps if self._owned.get(tp) != generation_id - 1}
        if missing:
            await self._read_back(missing)
        self._owned.update(dict.fromkeys(tps, generation_id))
        if app.rebalancing_count != rebalances:
            return
        app.on_assigned(len({tp.partition for tp in tps}))
        cast("VerdictConsumer", app.consumer).restored = generation_id
        await super().on_recovery_completed(generation_id)

    async def _read_back(self, partitions: set[TP]) -> None:
        app = cast("StrikesApp", self.app)
        started = app.clocks.steady()
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
            records = await Restore(reader, self._stores(partitions), app.clocks.wall).run()
        finally:
            await reader.stop()
        seconds = app.clocks.steady() - started
        app.on_restored(len(partitions), records, seconds)

    def _stores(self, partitions: set[TP]) -> dict[aiokafka.TopicPartition, KeptStore]:
        return {
            aiokafka.TopicPartition(tp.topic, tp.partition): cast("KeptTable", self.tp_to_table[tp]).store
            for tp in partitions
        }


class KeptTables(TableManager):
    """Faust's table manager, with our recovery."""

    logger = FAUST_LOG

    @property
    def recovery(self) -> KeptRecovery:
        """Return the service that restores partitions."""
        if self._recovery is None:
            self._recovery = KeptRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast("KeptRecovery", self._recovery)
