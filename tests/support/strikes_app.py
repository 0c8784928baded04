"""The Faust application of the strikes worker without a broker."""

import time
from collections.abc import Sequence
from pathlib import Path

from stream.metrics import NoMetrics
from stream.settings import KafkaSettings, Settings, StrikesSettings
from stream.strikes.app import Clocks, Connections, StrikesApp, build
from stream.strikes.outbox import Header
from stream.strikes.steps import Tables
from stream.strikes.topics import Shape

Sent = tuple[str, bytes | None, bytes | None, int | None]


class ListOutbox:
    """An outbox that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.headers: list[dict[str, bytes]] = []
        self.settled = 0

    async def put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[Header] = (),
    ) -> None:
        """Keep a record."""
        self.sent.append((topic, key, value, partition))
        self.headers.append(dict(headers))

    async def settle(self) -> None:
        """Note how much had been given."""
        self.settled = len(self.sent)

    @property
    def idle(self) -> bool:
        """Whether all was settled."""
        return self.settled == len(self.sent)

    def to(self, topic: str) -> list[Sent]:
        """Return what went to a topic."""
        return [record for record in self.sent if record[0] == topic]


def an_app(folder: Path, outbox: ListOutbox | None = None) -> tuple[StrikesApp, Tables, ListOutbox, Settings]:
    """Build an application whose tables lie in ``folder``."""
    settings = Settings(
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"), strikes=StrikesSettings(data_dir=folder, app_id="unit")
    )
    outbox = outbox or ListOutbox()
    connections = Connections("127.0.0.1:1", {}, outbox, NoMetrics(), Clocks(time.time, time.monotonic))
    app, tables = build(settings, Shape(2, 1), connections)
    return app, tables, outbox, settings
