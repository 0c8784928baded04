"""Faust's Kafka consumer, made strict.

It guarantees three things that Faust's own does not:

- Only committed records are seen: ``read_committed`` without Faust's exactly-once mode, which Kafka 4 breaks.
- Every record of a partition is seen, once per epoch and in order: reading continues exactly after the last accepted
  record.  A fetch that was abandoned, or that a rebalance overtook, moves the client's position; the next one moves it
  back.
- Committed records were finished here, in this epoch, and everything that was sent because of them has arrived.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Set
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.futures import notify

from stream.strikes.client import Fetched, VerdictConsumerThread
from stream.strikes.ledger import Ledger
from stream.strikes.logs import FAUST_LOG

if TYPE_CHECKING:
    from stream.strikes.app import StrikesApp

SEEK_TIMEOUT_S: Final = 30.0
PAUSE_S: Final = 0.05


def _in_turn(records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
    """Yield a record of each partition in turn, so that partitions advance together in event time."""
    rows = zip_longest(*([(TP(*partition), record) for record in batch] for partition, batch in records.items()))
    return (found for row in rows for found in row if found is not None)


class VerdictConsumer(driver.Consumer):
    """Faust's view of the Kafka consumer."""

    logger = FAUST_LOG

    _thread: VerdictConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.ledger: Ledger[TP] = Ledger()
        self._ends: dict[tuple[int, TP], int] = {}
        self.restored: int | None = None
        """The epoch whose tables are restored; None if there is none."""
        super().__init__(*args, **kwargs)
        self._commit_every = None  # by time only

    def _new_consumer_thread(self) -> VerdictConsumerThread:
        return VerdictConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Open the epoch whose tables are restored, at the committed offsets, unless it is over by then."""
        epoch = self.restored
        if epoch is None:
            return
        partitions = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        positions = await asyncio.wait_for(self._thread.committed(partitions), SEEK_TIMEOUT_S)
        for tp in partitions:
            self._read_offset[tp] = None
        if epoch == self.restored == self.app.consumer_generation_id:
            self.ledger.open(epoch, positions)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish and commit the work in hand, then close the epoch."""
        self.restored = None
        await super().on_partitions_revoked(revoked)
        self.ledger.close()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Yield the next records, while the epoch in which they were read lasts."""
        epoch = self.ledger.epoch
        expected = self.ledger.positions(self._wanted())
        if epoch is None or not expected or not self.flow_active:
            await self.sleep(0.05)
            return
        fetched = await self._thread.fetch(expected, timeout)
        if self.should_stop or not self.flow_active or not self._takes(epoch, fetched):
            return
        for tp, record in _in_turn(fetched.records):
            if self.ledger.epoch != epoch or not self.flow_active:
                return  # all of it is read again in the next epoch
            yield tp, self._to_message(tp, record)

    def _wanted(self) -> set[TP]:
        """Return the topics to read from: a batchwise one only when everything read of it is finished."""
        busy = self._batchwise(self.ledger.in_hand())
        return {tp for tp in self._get_active_partitions() if tp.topic not in busy}

    def _takes(self, epoch: int, fetched: Fetched) -> bool:
        if self._batchwise(fetched.taken):
            self._ends.clear()
        return self.ledger.take(epoch, fetched.positions, fetched.taken)

    def _batchwise(self, partitions: Iterable[TP]) -> frozenset[str]:
        return cast("StrikesApp", self.app).batchwise.intersection(tp.topic for tp in partitions)

    def lags(self) -> dict[TP, int]:
        """Return the number of offsets between the read position and the end, where both are known."""
        positions = self.ledger.positions(self._get_active_partitions())
        ends = {tp: self.highwater(tp) for tp in positions}
        return {tp: max(ends[tp] - offset, 0) for tp, offset in positions.items() if ends[tp] is not None}

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand records to the streams; Faust's own loop creates four tasks per record."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._hand_on()
                await asyncio.sleep(0)
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def _hand_on(self) -> None:
        handed = 0
        async for _, message in self.getmany(timeout=1.0):
            await self.callback(message)
            handed += 1
            if handed % 100 == 0:
                await asyncio.sleep(0)

    def finish(self, message: Any) -> None:
        """Mark a record as done: what follows from it has been handed to the outbox."""
        self.ledger.finish(message.generation_id, message.tp, message.offset)

    def ack(self, message: Any) -> bool:
        """Ignore a stream's acknowledgement for commits, which follow ``finish``."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    def forsake(self, message: Any) -> None:
        """Leave a record, and all later ones, to the next epoch."""
        self.ledger.forsake(message.tp)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - as Faust's
        """Commit finished records, once everything sent because of them has arrived."""
        epoch, offsets = self.ledger.epoch, self.ledger.due()
        if epoch is None or not offsets:
            return False
        await cast("StrikesApp", self.app).outbox.settle()
        if self.ledger.epoch != epoch or not await self._commit(offsets):
            return False
        self.ledger.committed(epoch, offsets)
        return True

    async def committed(self, partitions: Set[TP]) -> dict[TP, int]:
        """Return the group's committed offsets, other workers' too; empty if Kafka does not answer in time."""
        return await self._thread.known_committed(partitions)

    async def end_of(self, partition: TP, epoch: int) -> int:
        """Return an offset after everything that was in a partition when the batchwise records in hand were read.

        Asks Kafka once for all of them; waits for the answer, at most until the epoch ends.
        """
        place = (epoch, partition)
        while place not in self._ends and self._lasts(epoch):
            end = await self._thread.known_end(partition)
            if end is None:
                await self.sleep(PAUSE_S)
            else:
                self._ends[place] = end
        return self._ends.get(place, 0)

    async def commit_to(self, partition: TP, end: int, epoch: int) -> bool:
        """Wait until every record before ``end`` is committed; False if the epoch ends first."""
        while self._lasts(epoch):
            if self.ledger.is_read_to(partition, end) and not self.ledger.is_committed_to(partition, end):
                await self.commit()
            if self.ledger.is_committed_to(partition, end):
                return True
            await self.sleep(PAUSE_S)
        return False

    def _lasts(self, epoch: int) -> bool:
        return self.ledger.epoch == epoch and self.flow_active and not self.should_stop

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Ignore gaps: commits do not count records, so transaction markers need no special treatment."""


class VerdictProducer(driver.Producer):
    """Faust's producer, with our connection; it creates topics, records go through the outbox."""

    logger = FAUST_LOG

    def _settings_auth(self) -> Mapping[str, Any]:
        return cast("StrikesApp", self.app).security


class VerdictTransport(driver.Transport):
    """Faust's Kafka, with our consumer."""

    Consumer: ClassVar[type[VerdictConsumer]] = VerdictConsumer
    Producer: ClassVar[type[VerdictProducer]] = VerdictProducer
