"""The outbox: sends records in order, and knows when they have arrived.

Faust's producer treats a flush that times out as done and only logs a failed send.  Offsets may be committed only once
everything sent up to them has been acknowledged, so the strikes worker has an idempotent producer of its own, which
keeps the order of each partition without gaps, and keeps track of what is still in flight.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream.errors import TransportError

Header = tuple[str, bytes]


class Sender(Protocol):
    """Where steps send records."""

    async def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[Header] = (),
    ) -> None:
        """Hand over one record; records of one partition keep their order."""
        ...

    async def settle(self) -> None:
        """Wait until everything handed over so far has arrived."""
        ...

    @property
    def idle(self) -> bool:
        """Whether everything handed over has arrived."""
        ...


class Outbox:
    """Sends records.  Belongs to the event loop it was started in."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._pending: set[asyncio.Future[Any]] = set()
        self._failure: BaseException | None = None

    @classmethod
    def to(cls, bootstrap_servers: str, options: dict[str, Any]) -> Self:
        """Make an outbox with an idempotent producer, which keeps the order of each partition without gaps."""
        return cls(
            AIOKafkaProducer(
                bootstrap_servers=bootstrap_servers,
                client_id="chatwarden-strikes",
                acks="all",
                enable_idempotence=True,
                linger_ms=10,
                max_request_size=4_194_304,
                **options,
            )
        )

    async def start(self) -> None:
        """Connect.

        Raises:
            TransportError: Kafka is unavailable.
        """
        try:
            await self._producer.start()
        except KafkaError as exc:
            await self._producer.stop()
            raise TransportError(f"kafka.bootstrap_servers: {exc}") from exc

    async def stop(self) -> None:
        """Send what is left and disconnect."""
        await self._producer.stop()

    async def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[Header] = (),
    ) -> None:
        """Hand over one record; waits only while too many are in flight.

        Raises:
            TransportError: this record, or one before it, cannot be sent.
        """
        self._check()
        try:
            sent = await self._producer.send(topic, value, key=key, partition=partition, headers=list(headers))
        except KafkaError as exc:
            raise TransportError(f"{topic}: {exc!r}") from exc
        self._pending.add(sent)
        sent.add_done_callback(self._done)

    async def settle(self) -> None:
        """Wait until everything handed over so far has been acknowledged by all replicas.

        Raises:
            TransportError: something was not acknowledged.
        """
        pending = set(self._pending)
        if pending:
            await asyncio.wait(pending)
        self._check(*pending)

    @property
    def idle(self) -> bool:
        """Whether everything handed over has arrived."""
        return not self._pending and self._failure is None

    def _done(self, sent: asyncio.Future[Any]) -> None:
        self._pending.discard(sent)
        self._failure = self._failure or sent.exception()

    def _check(self, *sent: asyncio.Future[Any]) -> None:
        failure = self._failure or next((one.exception() for one in sent if one.exception()), None)
        if failure is not None:
            raise TransportError(f"a record could not be sent: {failure!r}") from failure
