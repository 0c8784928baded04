"""Fetching on a real broker: what was not accepted is read again, what is gone is said."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import aiokafka
import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Producer, TopicPartition
from faust.types import TP

from stream.errors import DataLost
from stream.strikes.client import READ_COMMITTED, VerdictConsumerThread
from tests.support.broker import admin, create_topics

pytestmark = pytest.mark.kafka
RECORDS = 300


class Thread(VerdictConsumerThread):
    """The thread's fetch, without the thread."""

    def __init__(self, client: aiokafka.AIOKafkaConsumer) -> None:
        self.lost: list[int] = []
        self._client = client
        self.app: Any = SimpleNamespace(on_loss=self.lost.append)

    def _ensure_consumer(self) -> aiokafka.AIOKafkaConsumer:
        return self._client

    async def read(self, tp: TP, start: int) -> tuple[list[int], int]:
        """Fetch from ``start`` and return the offsets, and where the next record will be."""
        fetched = await self._fetch({tp: start}, 5.0)
        offsets = [record.offset for records in fetched.records.values() for record in records]
        return offsets, fetched.positions[tp]


@pytest.fixture
def topic(kafka: str) -> str:
    name = f"fetch-{uuid4().hex}"
    create_topics(kafka, {name: 1})
    writer = Producer({"bootstrap.servers": kafka, "transactional.id": name, "log_level": 0})
    writer.init_transactions(30)
    for start in range(0, RECORDS, 10):
        writer.begin_transaction()
        for number in range(start, start + 10):
            writer.produce(name, str(number).encode())
        writer.commit_transaction()
        writer.begin_transaction()
        writer.produce(name, b"aborted")
        writer.flush()
        writer.abort_transaction()
    return name


async def reading(kafka: str, topic: str, check: Any) -> None:
    client = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=kafka, isolation_level=READ_COMMITTED, auto_offset_reset="earliest"
    )
    await client.start()
    try:
        client.assign([aiokafka.TopicPartition(topic, 0)])
        await check(Thread(client), TP(topic, 0))
    finally:
        await client.stop()


def test_every_committed_record_is_read_in_order_though_fetches_get_lost(
    kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.strikes.client.MAX_RECORDS", 17)

    async def check(thread: Thread, tp: TP) -> None:
        accepted, position, turn = list[int](), 0, 0
        while len(accepted) < RECORDS:
            offsets, after = await thread.read(tp, position)
            turn += 1
            if turn % 3 == 0:
                continue  # nobody waited for this one; the client's position has moved all the same
            if turn % 5 == 0:
                thread._ensure_consumer().seek(aiokafka.TopicPartition(topic, 0), 7)  # noqa: SLF001 - as Faust does
            accepted, position = accepted + offsets, after
        assert turn > 20
        assert accepted == sorted(set(accepted))
        values = [offset // 13 * 10 + offset % 13 for offset in accepted]
        assert values == list(range(RECORDS)), "ten records, a commit marker, an aborted record and its marker each"
        assert thread.lost == []

    asyncio.run(reading(kafka, topic, check))


def test_what_retention_took_is_counted_as_lost(kafka: str, topic: str) -> None:
    async def check(thread: Thread, tp: TP) -> None:
        offsets, position = await thread.read(tp, 0)
        assert offsets[0] == 0
        client = admin(kafka)
        for future in client.delete_records([TopicPartition(topic, 0, 130)]).values():
            future.result(20)
        offsets, position = await thread.read(tp, 13)
        assert thread.lost == [117]
        assert offsets[0] == 130
        assert position > 130

    asyncio.run(reading(kafka, topic, check))


class Misspelt(str):
    """A header's name in bytes that are not UTF-8, as only some clients let pass."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        assert (encoding, errors) == ("utf-8", "strict")
        return b"\xff"


async def write_misspelt(kafka: str, topic: str) -> None:
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    batch: Any = producer.create_batch()
    batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 16_384)  # noqa: SLF001 - the quick one is strict
    batch.append(timestamp=1, key=b"k", value=b"v", headers=[(Misspelt("name"), b"")])
    batch.close()
    await (await producer.send_batch(batch, topic, partition=0))
    await producer.stop()


def test_a_record_that_cannot_be_taken_apart_is_told_with_its_place(kafka: str) -> None:
    topic = f"fetch-{uuid4().hex}"
    create_topics(kafka, {topic: 1})

    async def check(thread: Thread, tp: TP) -> None:
        await write_misspelt(kafka, topic)
        with pytest.raises(DataLost, match=f"UnicodeDecodeError.* {topic} partition 0 from offset 0"):
            await thread.read(tp, 0)

    asyncio.run(reading(kafka, topic, check))
