"""A real Redis of the test's own: started, killed, frozen and brought back at will."""

from pathlib import Path
from typing import Final

import redis

from tests.support.processes import Child, free_port, wait_until


def redis_answers(url: str) -> bool:
    """Whether a Redis at this URL answers."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


class RedisProcess:
    """One server on loopback, in memory only; it comes back empty."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url: Final = f"redis://127.0.0.1:{port}/0"
        self._log: Final = folder / "redis.log"
        self._command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--save", "", "--appendonly", "no"]
        self._child: Child | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._child = Child(self._command, self._log)
        wait_until(lambda: redis_answers(self.url), 20, "Redis answers")

    @property
    def child(self) -> Child:
        """Its process, to freeze or wake."""
        assert self._child is not None, "not started"
        return self._child

    def kill(self) -> None:
        """Kill it; ``start`` brings it back, empty."""
        self.child.kill()

    def stop(self) -> None:
        """End it for good."""
        if self._child is not None:
            self._child.kill()
