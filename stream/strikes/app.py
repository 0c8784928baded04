"""The Faust application: verdicts by player, remarks by channel, erasures everywhere.

Switched off are autodiscovery (it would import all our modules, and torch), Faust's web server (its table endpoints
would give standings to anybody) and the pickle codecs (a record could run code).
"""

import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import faust
from faust.serializers import codecs
from faust.types import TP
from yarl import URL

from stream.metrics import Metrics
from stream.settings import Settings
from stream.strikes.logs import FAUST_LOG
from stream.strikes.outbox import Sender
from stream.strikes.steps import Steps, Tables
from stream.strikes.table import KeptTable, KeptTables
from stream.strikes.topics import TABLES, Shape
from stream.strikes.transport import VerdictConsumer, VerdictTransport

log: Final = logging.getLogger(__name__)
Step = Callable[[VerdictConsumer, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Clocks:
    """Wall clock (seconds since the epoch) and monotonic clock (seconds)."""

    wall: Callable[[], float]
    steady: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Connections:
    """How the application reaches Kafka (``security`` as aiokafka takes it), and what it measures with."""

    bootstrap_servers: str
    security: dict[str, Any]
    outbox: Sender
    metrics: Metrics
    clocks: Clocks
    batchwise: frozenset[str] = frozenset()
    """Topics whose records wait for those of others: read on only when everything read is finished.

    Otherwise they could fill their stream's buffer and block the records that they wait for.
    """


class StrikesApp(faust.App):
    """A Faust application with our transport."""

    logger = FAUST_LOG

    def __init__(self, connections: Connections, **options: Any) -> None:
        self.bootstrap_servers: Final = connections.bootstrap_servers
        self.security: Final = connections.security
        self.outbox: Final = connections.outbox
        self.clocks: Final = connections.clocks
        self.batchwise: Final = connections.batchwise
        self._metrics: Final = connections.metrics
        self._lagging: set[tuple[str, str]] = set()
        super().__init__(**options)

    def _new_transport(self) -> VerdictTransport:
        return VerdictTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> VerdictTransport:
        return VerdictTransport(self.conf.broker_producer, self)

    @property
    def settled(self) -> bool:
        """Whether partitions are assigned and restored."""
        if self.rebalancing or not self.tables.actives_ready:
            return False
        return cast("VerdictConsumer", self.consumer).restored is not None

    @property
    def in_hand(self) -> bool:
        """Whether a record, or something sent because of it, is not committed yet."""
        consumer = cast("VerdictConsumer", self.consumer)
        return bool(consumer.unacked or consumer.ledger.due()) or not self.outbox.idle

    def on_loss(self, count: int) -> None:
        """Count verdicts that were deleted before they were read."""
        self._metrics.count("verdicts_lost_total", count)

    def on_assigned(self, partitions: int) -> None:
        """Record that partitions of the verdicts were assigned."""
        self._metrics.count("rebalances_total", 1, kind="assigned")
        self._metrics.gauge("partitions_assigned", partitions)

    def report_lag(self) -> None:
        """Report the consumer lag, transaction markers included."""
        consumer = cast("VerdictConsumer", self.consumer)
        places = {(tp.topic, str(tp.partition)): lag for tp, lag in consumer.lags().items()}
        for topic, partition in self._lagging - places.keys():
            self._metrics.forget("consumer_lag_records", topic=topic, partition=partition)
        for (topic, partition), lag in places.items():
            self._metrics.gauge("consumer_lag_records", lag, topic=topic, partition=partition)
        self._lagging = set(places)

    def on_restored(self, partitions: int, records: int, seconds: float) -> None:
        """Record that partitions were restored."""
        self._metrics.observe("restore_seconds", seconds)
        log.info(
            "tables restored",
            extra={"partitions": partitions, "records": records, "seconds": round(seconds, 3)},
        )


@dataclass(frozen=True, slots=True)
class FaustWhereabouts:
    """Where standings are (from Faust's assignor), and the group's committed offsets (from Kafka)."""

    app: StrikesApp
    tables: Tables
    places: frozenset[TP]
    """The partitions of the topics that are read."""

    def epoch(self) -> int | None:
        """Return a number that changes with every rebalance; None during one."""
        return cast("VerdictConsumer", self.app.consumer).ledger.epoch if self.app.settled else None

    async def committed(self) -> Mapping[TP, int]:
        """Return the group's committed offset of every partition; empty if Kafka does not answer."""
        return await cast("VerdictConsumer", self.app.consumer).committed(self.places)

    def partitions(self) -> list[int] | None:
        """Return the partitions that this worker owns; None during a rebalance."""
        if not self.app.settled:
            return None
        changelog = self.tables.standings.changelog_topic_name
        return sorted(tp.partition for tp in self.app.assignor.assigned_actives() if tp.topic == changelog)

    def peers(self) -> list[str]:
        """Return the addresses of the other workers' endpoints."""
        here = str(self.app.conf.canonical_url)
        return sorted({str(url) for url in self.app.assignor.tables_metadata()} - {here})


def build(settings: Settings, shape: Shape, connections: Connections) -> tuple[StrikesApp, Tables]:
    """Build the application and its tables, without its agents."""
    forbid_pickle()
    strikes = settings.strikes
    servers = [URL(f"aiokafka://{server.strip()}") for server in settings.kafka.bootstrap_servers.split(",")]
    app = StrikesApp(
        connections,
        id=strikes.app_id,
        broker=servers,
        broker_client_id="chatwarden-strikes",
        broker_session_timeout=strikes.session_timeout_s,
        broker_heartbeat_interval=strikes.session_timeout_s / 5,
        broker_rebalance_timeout=60.0,
        broker_request_timeout=max(40.0, 2 * strikes.session_timeout_s),
        broker_max_poll_interval=3_600.0,
        broker_commit_interval=strikes.commit_interval_s,
        broker_check_crcs=True,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        stream_wait_empty=True,
        stream_recovery_delay=0.1,
        stream_buffer_maxsize=4_096,
        table_standby_replicas=0,
        topic_partitions=shape.partitions,
        topic_replication_factor=shape.replicas,
        topic_disable_leader=True,
        store="rocksdb://",
        datadir=str(strikes.data_dir),
        autodiscover=False,
        web_enabled=False,
        canonical_url=strikes.advertised_url or f"http://{strikes.host}:{strikes.port}",
        key_serializer="raw",
        value_serializer="raw",
        TableManager=KeptTables,
        Table=KeptTable,
    )
    return app, Tables(*(_table(app, name, shape) for name in TABLES))


def attend(app: StrikesApp, settings: Settings, steps: Steps) -> None:
    """Attach each topic's step."""
    sources: dict[str, Step] = {
        settings.topics.verdicts: steps.verdict,
        settings.strikes.channels: steps.remark,
        settings.strikes.erasures: steps.erasure,
    }
    for topic, step in sources.items():
        channel = app.topic(topic, key_type=bytes, value_type=bytes, allow_empty=True)
        app.agent(channel, name=f"chatwarden.{step.__name__}", concurrency=1)(_agent(app, step))


def forbid_pickle() -> None:
    """Remove the pickle codecs from Faust's registry."""
    for name in [name for name in codecs.codecs if "pickle" in name]:
        del codecs.codecs[name]


def _agent(app: StrikesApp, step: Step) -> Callable[[Any], Awaitable[None]]:
    """Process a stream's records one by one; a step that fails ends the worker, and its record is read again."""

    async def attend_stream(stream: Any) -> None:
        consumer = cast("VerdictConsumer", app.consumer)
        async for event in cast("AsyncIterable[Any]", stream.events()):
            try:
                await step(consumer, event.message)
            except Exception as exc:  # the process edge: no later record may be finished
                consumer.ledger.close()
                log.exception("a record could not be processed", extra=_place(event.message))
                await app.crash(exc)
                raise

    return attend_stream


def _place(message: Any) -> dict[str, object]:
    return {"topic": message.topic, "partition": message.partition, "offset": message.offset}


def _table(app: StrikesApp, name: str, shape: Shape) -> KeptTable:
    table: Any = app.Table(name, key_type=bytes, value_type=bytes, partitions=shape.partitions)
    if not isinstance(table, KeptTable):
        raise TypeError(f"Faust made a {type(table).__name__} of table {name}")
    return table
