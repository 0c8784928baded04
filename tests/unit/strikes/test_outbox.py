"""The outbox: settled means arrived, and a failure is never forgotten."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError

from stream.errors import TransportError
from stream.strikes.outbox import Outbox


class SlowProducer:
    """Sends nothing until told how each send ends."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes | None, asyncio.Future[Any]]] = []

    async def send(self, topic: str, value: bytes | None, **_: object) -> "asyncio.Future[Any]":
        if topic == "small" and value is not None and len(value) > 3:
            raise MessageSizeTooLargeError(value)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.sent.append((value, future))
        return future


def test_settled_means_that_everything_before_has_arrived() -> None:
    async def run() -> None:
        producer = SlowProducer()
        outbox = Outbox(producer)
        idle = [outbox.idle]
        await outbox.put("t", None, b"1")
        await outbox.put("t", None, b"2")
        settling = asyncio.ensure_future(outbox.settle())
        await asyncio.sleep(0)
        await outbox.put("t", None, b"after")
        producer.sent[0][1].set_result(None)
        await asyncio.sleep(0.01)
        assert not settling.done()
        producer.sent[1][1].set_result(None)
        await asyncio.wait_for(settling, 1)
        assert not producer.sent[2][1].done()
        idle.append(outbox.idle)
        producer.sent[2][1].set_result(None)
        await outbox.settle()
        assert [*idle, outbox.idle] == [True, False, True]

    asyncio.run(run())


def test_a_send_that_failed_is_told_then_and_ever_after() -> None:
    async def run() -> None:
        producer = SlowProducer()
        outbox = Outbox(producer)
        for value in (b"1", b"2"):
            await outbox.put("t", None, value)
        producer.sent[0][1].set_exception(KafkaTimeoutError())
        producer.sent[1][1].set_result(None)
        for _ in range(2):
            with pytest.raises(TransportError):
                await outbox.settle()
        with pytest.raises(TransportError):
            await outbox.put("t", None, b"3")
        assert not outbox.idle

    asyncio.run(run())


def test_what_cannot_even_be_handed_over_is_told_at_once() -> None:
    async def run() -> None:
        with pytest.raises(TransportError, match="small"):
            await Outbox(SlowProducer()).put("small", None, b"too large")

    asyncio.run(run())
