"""Translates settings into librdkafka properties: those that the guarantees need, and those passed through."""

from collections.abc import Mapping
from typing import Final

from stream.errors import ConfigError
from stream.settings import KafkaSettings

Properties = dict[str, str | int | float | bool]

TRANSACTION_TIMEOUT_S: Final = 10.0
"""The broker aborts a transaction that is open for longer.  A dead worker holds its partitions back for this long
unless a worker returns under its transactional id.  Kafka Streams uses the same value."""

_OURS: Final[Mapping[str, str]] = {
    "bootstrap.servers": "set kafka.bootstrap_servers",
    "metadata.broker.list": "set kafka.bootstrap_servers",
    "group.id": "set kafka.group_id",
    "group.protocol": "set kafka.group_protocol",
    "transactional.id": "set kafka.transactional_id_prefix and give each worker its --slot",
    "enable.auto.commit": "offsets are committed with the verdicts, or not at all",
    "enable.auto.offset.store": "offsets are committed with the verdicts, or not at all",
    "auto.offset.reset": "a reset loses records silently; start a new group with `run --start`",
    "isolation.level": "aborted input must not be judged",
    "partition.assignment.strategy": "partitions are handed over one by one (cooperative-sticky)",
    "enable.idempotence": "transactions need it",
    "acks": "transactions need all",
    "request.required.acks": "transactions need all",
    "max.in.flight": "more than 5 break the order",
    "max.in.flight.requests.per.connection": "more than 5 break the order",
    "retries": "a transaction retries until it times out",
    "message.send.max.retries": "a transaction retries until it times out",
    "message.timeout.ms": "it follows the transaction time-out",
    "delivery.timeout.ms": "it follows the transaction time-out",
    "delivery.report.only.error": "the worker must learn of every failed delivery",
    "enable.gapless.guarantee": "it has no effect with transactions",
    "enable.partition.eof": "the worker measures its lag by it",
    "check.crcs": "corrupt records must be seen",
    "allow.auto.create.topics": "a mistyped topic must not be created; use `chatwarden topics`",
    "log.connection.close": "the worker must learn of lost connections",
    "log_level": "the worker must learn of lost connections",
    "log.queue": "the worker must learn of lost connections",
    "go.batch.consumer": "it belongs to another client",
    "test.mock.num.brokers": "librdkafka's mock broker keeps none of the guarantees",
}
_CONSUMER_ONLY: Final = (
    "fetch.",
    "queued.",
    "group.",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "max.partition.fetch.bytes",
    "coordinator.query.interval.ms",
)
_PRODUCER_ONLY: Final = (
    "linger.ms",
    "batch.",
    "compression.",
    "queue.buffering.",
    "transaction.",
    "retry.",
    "partitioner",
    "message.max.bytes",
    "sticky.partitioning.",
)


def consumer_properties(kafka: KafkaSettings) -> Properties:
    """Return the consumer's properties.

    Raises:
        ConfigError: ``kafka.properties`` has one that would break a guarantee; the message says why.
    """
    properties: Properties = {
        **_common(kafka),
        "group.id": kafka.group_id,
        "group.protocol": kafka.group_protocol,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        # Nothing else tells that everything has been read: transaction markers take up offsets, too.
        "enable.partition.eof": True,
        "check.crcs": True,
        "allow.auto.create.topics": False,
        "max.poll.interval.ms": 60_000,
        # Bound prefetching: librdkafka's own limits are 64 MiB and 50 MiB per broker.
        "queued.max.messages.kbytes": 16_384,
        "fetch.max.bytes": 8_388_608,
        "fetch.message.max.bytes": 1_048_576,
        # Wait before fetching again after the local queue was full; librdkafka's second starves a fast consumer.
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 10,
    }
    if kafka.group_protocol == "classic":
        properties |= {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 10_000}
    return properties | _passed_through(kafka, _PRODUCER_ONLY)


def producer_properties(kafka: KafkaSettings, slot: str) -> Properties:
    """Return the transactional producer's properties; ``slot`` names the worker, the same after every restart.

    Raises:
        ConfigError: as ``consumer_properties``.
    """
    properties: Properties = {
        **_common(kafka),
        "transactional.id": transactional_id(kafka, slot),
        "transaction.timeout.ms": int(TRANSACTION_TIMEOUT_S * 1000),
        "delivery.report.only.error": True,
        "linger.ms": 5,
        "compression.type": "lz4",
        "queue.buffering.max.messages": 1_000_000,
        "queue.buffering.max.kbytes": 65_536,
        # The topic's own limit decides; librdkafka's default of 1 MB is below the largest dead letter.
        "message.max.bytes": 16_777_216,
        # A missing topic is reported within the transaction time-out and not mistaken for a slow broker.
        "topic.metadata.propagation.max.ms": 5_000,
        # Java's partitioner, so that verdicts and derived records share partitions whichever client writes.
        "partitioner": "murmur2_random",
        # A new transaction often has to retry while the last one's markers are still being written; librdkafka
        # waits 100 ms by default, which is the whole latency budget.
        "retry.backoff.ms": 5,
        "retry.backoff.max.ms": 20,
    }
    return properties | _passed_through(kafka, _CONSUMER_ONLY)


def transactional_id(kafka: KafkaSettings, slot: str) -> str:
    """Return the transactional id of a slot."""
    return f"{kafka.transactional_id_prefix}-{kafka.group_id}-{slot}"


def _common(kafka: KafkaSettings) -> Properties:
    return {"bootstrap.servers": kafka.bootstrap_servers, "client.id": "chatwarden"}


def check_promises(properties: Mapping[str, object]) -> None:
    """Refuse ``kafka.properties`` that would break a guarantee.

    Raises:
        ConfigError: one of them would; the message says why.
    """
    refused = [f"kafka.properties: {name} cannot be set: {_OURS[name]}" for name in properties if name in _OURS]
    if refused:
        raise ConfigError("\n".join(refused))


def _passed_through(kafka: KafkaSettings, others: tuple[str, ...]) -> Properties:
    check_promises(kafka.properties)
    return {name: value for name, value in kafka.properties.items() if not name.startswith(others)}


def admin_properties(kafka: KafkaSettings) -> Properties:
    """Return the properties of an admin client; raises as ``consumer_properties``."""
    return _common(kafka) | _passed_through(kafka, (*_CONSUMER_ONLY, *_PRODUCER_ONLY))
