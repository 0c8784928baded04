"""The score cache in Redis.

Through redis-py on a private event loop: only there does a timeout bound a whole round trip, even with a server that
sends one byte at a time.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from stream.errors import ConfigError, TransportError

T = TypeVar("T")
JITTER: Final = 0.1
"""Values live up to a tenth shorter than asked, by key, so that they do not all expire at once."""

Command = tuple[bytes | str | int, ...]


class RedisCache:
    """Keeps values in Redis: one MGET to read, one pipeline of SETs to write.  For one thread."""

    def __init__(self, url: str, timeout_s: float, connect_timeout_s: float) -> None:
        """Take an address (``redis://``, ``rediss://`` or ``unix://``); connect on first use.

        Raises:
            ConfigError: the address is invalid; the message does not repeat it, as it may contain a password.
        """
        try:
            # The connection is not named: a narrow ACL does not grant CLIENT SETNAME.
            pool = ConnectionPool.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0), retry_on_error=[])
        except ValueError as exc:
            raise ConfigError("redis.url: must begin with redis://, rediss:// or unix://") from exc
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._loop: asyncio.AbstractEventLoop | None = None

    def read(self, keys: Sequence[bytes], /) -> Sequence[bytes | None]:
        """Return the value of each key.

        Raises:
            TransportError: Redis is unavailable, too slow or sends an unexpected reply.
        """
        if not keys:
            return []
        (values,) = self._exchange([("MGET", *keys)])
        if not isinstance(values, list) or len(values) != len(keys):
            raise TransportError("Redis: unexpected reply")
        return [value if isinstance(value, bytes) else None for value in values]

    def write(self, values: Mapping[bytes, bytes], ttl_s: int, /) -> None:
        """Keep the values for about ``ttl_s`` seconds.

        Raises:
            TransportError: Redis is unavailable, too slow or refuses to write.
        """
        lives = {key: max(1, round(ttl_s * (1 - JITTER * key[-1] / 255))) for key in values}
        self._exchange([("SET", key, value, "EX", lives[key]) for key, value in values.items()])

    def ping(self) -> None:
        """Connect if necessary, and ping Redis.

        Raises:
            TransportError: no answer.
        """
        self._exchange([("PING",)])

    def close(self) -> None:
        """Close the connection and the loop; the next use reopens both."""
        if self._loop is not None:
            self._loop.run_until_complete(self._connection.disconnect())
            self._loop.close()
            self._loop = None

    def _exchange(self, commands: Sequence[Command]) -> list[object]:
        """Send all commands at once and read as many replies."""
        try:
            if not self._connection.is_connected:
                connecting: Coroutine[Any, Any, None] = self._connection.connect()  # type: ignore[no-untyped-call]  # as above
                self._run(connecting, self._connect_timeout_s)
            return self._run(self._round_trip(commands), self._timeout_s)
        except (RedisError, OSError, TimeoutError) as exc:
            # A late reply must not be taken for that of the next command.
            self._run(self._connection.disconnect(nowait=True), self._timeout_s)
            raise TransportError(f"Redis: {type(exc).__name__}") from exc

    def _run(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(asyncio.wait_for(work, timeout_s))

    async def _round_trip(self, commands: Sequence[Command]) -> list[object]:
        connection = self._connection
        await connection.send_packed_command(connection.pack_commands(commands))
        return [await connection.read_response(disable_decoding=True) for _ in commands]
