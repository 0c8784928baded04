"""The thread that owns the Kafka client: queries Kafka, and reads from exactly the offsets it is given."""

import asyncio
import logging
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import aiokafka
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaError, UnsupportedCodecError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream.errors import DataLost
from stream.strikes.logs import FAUST_LOG

if TYPE_CHECKING:
    from stream.strikes.app import StrikesApp

log: Final = logging.getLogger(__name__)
READ_COMMITTED: Final = "read_committed"
ASK_TIMEOUT_S: Final = 5.0
MAX_RECORDS: Final = 1_000
_UNREADABLE: Final = (CorruptRecordException, UnsupportedCodecError, UnicodeDecodeError)
"""A wrong checksum, an unknown compression, a header name that is not UTF-8."""


class Fetched(NamedTuple):
    """Records by partition, and where each partition's next record will be."""

    records: Mapping[TP, list[Any]]
    positions: dict[TP, int]

    @property
    def taken(self) -> dict[TP, int]:
        """The offset after the last record of each partition."""
        return {TP(*partition): batch[-1].offset + 1 for partition, batch in self.records.items() if batch}


class VerdictConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the Kafka client."""

    logger = FAUST_LOG

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        app = cast("StrikesApp", self.app)
        conf = app.conf
        self._assignor = app.assignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            isolation_level=READ_COMMITTED,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            check_crcs=True,
            fetch_max_wait_ms=200,
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1_000),
            request_timeout_ms=int(conf.broker_request_timeout * 1_000),
            session_timeout_ms=int(conf.broker_session_timeout * 1_000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1_000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1_000),
            **app.security,
        )

    async def committed(self, partitions: set[TP]) -> dict[TP, int]:
        """Return where each partition continues: its committed offset, or its first record."""
        return cast("dict[TP, int]", await self.call_thread(self._committed, partitions))

    async def known_committed(self, partitions: Set[TP]) -> dict[TP, int]:
        """Return the committed offsets; empty if Kafka does not answer in time."""
        return cast("dict[TP, int]", await self.call_thread(self._known_committed, partitions))

    async def _known_committed(self, partitions: Set[TP]) -> dict[TP, int]:
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                return await self._committed(partitions)
        except (KafkaError, TimeoutError):
            return {}

    async def _committed(self, partitions: Set[TP]) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        asked = list(partitions)
        answers = await asyncio.gather(*(consumer.committed(driver.ensure_aiokafka_TP(tp)) for tp in asked))
        offsets = dict(zip(asked, answers, strict=True))
        unknown = [driver.ensure_aiokafka_TP(tp) for tp, offset in offsets.items() if offset is None]
        first = await consumer.beginning_offsets(unknown) if unknown else {}
        return {
            tp: offset if offset is not None else first[driver.ensure_aiokafka_TP(tp)] for tp, offset in offsets.items()
        }

    async def known_end(self, partition: TP) -> int | None:
        """Return the offset after the last committed record; None if Kafka does not answer in time."""
        return cast("int | None", await self.call_thread(self._known_end, driver.ensure_aiokafka_TP(partition)))

    async def _known_end(self, partition: aiokafka.TopicPartition) -> int | None:
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                ends = await self._ensure_consumer().end_offsets([partition])
                return int(ends[partition])
        except (KafkaError, TimeoutError):
            return None

    async def fetch(self, expected: dict[TP, int], timeout: float) -> Fetched:
        """Fetch from ``expected`` on; waits up to ``timeout`` seconds for the first record."""
        return cast("Fetched", await self.call_thread(self._fetch, expected, timeout))

    async def _fetch(self, expected: dict[TP, int], timeout: float) -> Fetched:
        consumer, fetcher = self._ensure_consumer(), self._fetcher()
        if fetcher._closed:  # noqa: SLF001 - as Faust's own fetch does
            raise ConsumerStoppedError
        states = self._states(expected)
        astray = {tp: expected[tp] for tp, state in states.items() if _position(state) != expected[tp]}
        if astray:
            await self._realign(consumer, astray)
        partitions = {driver.ensure_aiokafka_TP(tp) for tp in states}
        if not partitions:
            return Fetched({}, {})
        try:
            with fetcher._subscriptions.fetch_context():  # noqa: SLF001 - as Faust's own fetch does
                records = await fetcher.fetched_records(partitions, timeout=timeout, max_records=MAX_RECORDS)
        except _UNREADABLE as exc:
            places = ", ".join(f"{tp.topic} partition {tp.partition} from offset {expected[tp]}" for tp in states)
            raise DataLost(f"a record cannot be parsed ({type(exc).__name__}), in one of {places}") from exc
        # No await between taking the records and reading the positions, so that the two agree.
        positions = {tp: _position(state) for tp, state in self._states(expected).items()}
        return Fetched(records, {tp: offset for tp, offset in positions.items() if offset is not None})

    async def _realign(self, consumer: aiokafka.AIOKafkaConsumer, astray: dict[TP, int]) -> None:
        """Seek back to after the last accepted record; report it if those records are gone."""
        first = await consumer.beginning_offsets([driver.ensure_aiokafka_TP(tp) for tp in astray])
        for tp, offset in astray.items():
            begin = first[driver.ensure_aiokafka_TP(tp)]
            if begin > offset:
                place = {"topic": tp.topic, "partition": tp.partition, "offset": offset, "count": begin - offset}
                log.error("verdicts were deleted before they were read, so standings lack them", extra=place)
                cast("StrikesApp", self.app).on_loss(begin - offset)
            if tp in self._states({tp: offset}):
                consumer.seek(driver.ensure_aiokafka_TP(tp), max(begin, offset))

    def _fetcher(self) -> Any:
        return self._ensure_consumer()._fetcher  # noqa: SLF001 - the client's getmany takes no part of the assignment

    def _states(self, partitions: Mapping[TP, int]) -> dict[TP, Any]:
        """Return the client's state of the assigned partitions."""
        subscription = self._fetcher()._subscriptions.subscription  # noqa: SLF001 - positions have no public reader
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None:
            return {}
        states = {tp: assignment.state_value(driver.ensure_aiokafka_TP(tp)) for tp in partitions}
        return {tp: state for tp, state in states.items() if state is not None}


def _position(state: Any) -> int | None:
    return state.position if state.has_valid_position else None
