"""Compares topics with what they should be, and creates missing ones."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, cast

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from schemas.topics import CATALOGUE, DAY_MS, TopicRole
from stream.errors import TransportError
from stream.kafka_config import admin_properties
from stream.kafka_errors import transport_error
from stream.reach import PATIENCE_S, greet
from stream.refusals import refused_topic
from stream.settings import Settings

CALL_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as it should be."""

    role: TopicRole
    name: str
    partitions: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is."""

    partitions: int
    config: dict[str, str]


def wanted_topics(settings: Settings, partitions: int, retention_days: dict[str, float]) -> list[Wanted]:
    """Return the catalogue under the configured names; ``retention_days`` by role overrides its retention."""
    found = []
    for topic in CATALOGUE:
        retention_ms = (
            round(retention_days[topic.role] * DAY_MS) if topic.role in retention_days else topic.retention_ms
        )
        config = {
            "cleanup.policy": "delete",
            "retention.ms": str(retention_ms),
            "max.message.bytes": str(topic.max_message_bytes),
        }
        found.append(Wanted(topic.role, getattr(settings.topics, topic.role), partitions, config))
    return found


def connect(settings: Settings, within_s: float = PATIENCE_S) -> AdminClient:
    """Return an admin client, once the cluster has answered it.

    Raises:
        ConfigError: a librdkafka property is wrong, or the broker rejects us.
        TransportError: no answer within ``within_s`` seconds.
    """
    errors: list[KafkaError] = []
    properties = admin_properties(settings.kafka)
    options: dict[str, Any] = {"log_level": 0, **properties, "error_cb": errors.append}
    try:
        # Errors come back as exceptions; librdkafka need not write them to standard error as well.
        client = AdminClient(options)
    except KafkaException as exc:
        raise transport_error(exc.args[0], "connecting") from exc
    greet(client, errors, properties, within_s)
    return client


def find_topics(admin: AdminClient, wanted: list[Wanted]) -> dict[str, Found]:
    """Return those of the wanted topics that exist, by name.  Blocks on the broker.

    Raises:
        TransportError: the broker is unavailable.
    """
    try:
        existing = admin.list_topics(timeout=CALL_S).topics
        names = [topic.name for topic in wanted if topic.name in existing]
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        answers = admin.describe_configs(resources, request_timeout=CALL_S) if resources else {}
        configs = {resource.name: future.result(2 * CALL_S) for resource, future in answers.items()}
    except TimeoutError as exc:
        raise TransportError(f"asking for the topics: no answer within {2 * CALL_S:.0f} s") from exc
    except KafkaException as exc:
        raise transport_error(exc.args[0], "asking for the topics") from exc
    return {
        name: Found(len(existing[name].partitions), {key: str(entry.value) for key, entry in configs[name].items()})
        for name in names
    }


def differences(wanted: Wanted, found: Found) -> list[str]:
    """List how a topic differs from what it should be; changing it is left to the cluster's operator."""
    said = []
    if wanted.partitions != found.partitions:
        said.append(f"{found.partitions} partitions, not {wanted.partitions}")
    for key, value in wanted.config.items():
        if found.config.get(key) != value:
            said.append(f"{key} is {found.config.get(key)}, not {value}")
    return said


def create_topics(admin: AdminClient, topics: list[Wanted], replication: int) -> None:
    """Create topics; one created by others meanwhile is fine.  Blocks on the broker.

    Raises:
        ConfigError: the broker refuses the name or the replication factor, or access is denied.
        TransportError: the broker is unavailable.
    """
    new = [
        NewTopic(topic.name, num_partitions=topic.partitions, replication_factor=replication, config=topic.config)
        for topic in topics
    ]
    futures = cast("dict[str, Future[None]]", admin.create_topics(new, request_timeout=CALL_S) if new else {})
    for name, future in futures.items():
        try:
            future.result(2 * CALL_S)
        except TimeoutError as exc:
            raise TransportError(f"creating {name}: no answer within {2 * CALL_S:.0f} s") from exc
        except KafkaException as exc:
            error: KafkaError = exc.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                refusal = refused_topic(name, error.code(), error.str(), "--replication-factor")
                raise refusal or transport_error(error, f"creating {name}") from exc
