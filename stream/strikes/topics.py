"""The topics of the strikes worker: checks them against the verdicts topic and creates those that are missing."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.topics import DAY_MS
from stream.errors import ConfigError, TransportError
from stream.refusals import refused_topic
from stream.settings import Settings
from stream.strikes.channel import REMARKS_WAIT_S
from stream.strikes.reach import why

log: Final = logging.getLogger(__name__)

TABLES: Final = ("standings", "channels")
_KNOWN_WITHIN_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of the verdicts topic; the others are created alike, so that one worker owns both."""

    partitions: int
    replicas: int


def changelog(app_id: str, table: str) -> str:
    """Return the name that Faust gives a table's changelog."""
    return f"{app_id}-{table}-changelog"


def configs(settings: Settings) -> dict[str, dict[str, str]]:
    """Return the topics that the worker creates, with their settings.

    A changelog keeps older values of a key for a day before it is compacted: a worker that wakes after a pause may
    write an old state after a newer one, and both must still be there to tell which is newer.  And no longer than
    two days, otherwise removed state would stay until enough is written to make Kafka compact.

    A request to erase is kept for a week: a partition gets to it only after its backlog, and must not lose it to an
    outage over a weekend.
    """
    compacted = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": str(DAY_MS),
        "max.compaction.lag.ms": str(2 * DAY_MS),
        "delete.retention.ms": str(DAY_MS),
        "max.message.bytes": "4194304",
    }
    strikes = settings.strikes
    return {
        **{changelog(strikes.app_id, table): compacted for table in TABLES},
        strikes.channels: {"retention.ms": str(REMARKS_WAIT_S * 1_000)},
        strikes.erasures: {"retention.ms": str(7 * DAY_MS)},
        strikes.audit: {"retention.ms": str(365 * DAY_MS)},
        strikes.dead_letters: {"retention.ms": str(30 * DAY_MS), "max.message.bytes": "2097152"},
        settings.topics.strikes: {"retention.ms": str(90 * DAY_MS)},
    }


async def prepare(settings: Settings, options: dict[str, Any]) -> Shape:
    """Inspect the verdicts topic and create the topics that are missing.

    Raises:
        ConfigError: the verdicts topic does not exist, an existing topic has another number of partitions, or Kafka
            rejects us or refuses to create a topic.
        TransportError: Kafka is unavailable or refuses.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka.bootstrap_servers, client_id="chatwarden-strikes", **options
    )
    try:
        await _enter(admin, settings.kafka.bootstrap_servers, options)
        shape = await _shape(admin, settings)
        await _make(admin, settings, shape)
    except (KafkaError, OSError) as exc:
        raise TransportError(f"kafka.bootstrap_servers: {exc!r}") from exc
    finally:
        await admin.close()
    return shape


async def _enter(admin: AIOKafkaAdminClient, bootstrap_servers: str, options: dict[str, Any]) -> None:
    try:
        await admin.start()
    except (KafkaError, OSError) as exc:
        raise await why(bootstrap_servers, options) from exc


async def _shape(admin: AIOKafkaAdminClient, settings: Settings) -> Shape:
    name = settings.topics.verdicts
    partitions = (await _described(admin)).get(name)
    if not partitions:
        raise ConfigError(
            f"topics.verdicts: topic {name!r} does not exist, or access is denied; create it: chatwarden topics"
        )
    replicas = settings.strikes.replication_factor or len(partitions[0]["replicas"])
    return Shape(len(partitions), replicas)


async def _make(admin: AIOKafkaAdminClient, settings: Settings, shape: Shape) -> None:
    there = await _described(admin)
    wanted = configs(settings)
    free = {settings.topics.strikes, settings.strikes.audit, settings.strikes.dead_letters}
    for name in wanted.keys() & there.keys() - free:
        if len(there[name]) != shape.partitions:
            raise ConfigError(
                f"{name} has {len(there[name])} partitions and {settings.topics.verdicts} {shape.partitions}; "
                "they must agree. After a change of partitions set a new strikes.app_id and new topic names"
            )
    missing = [
        NewTopic(name, shape.partitions, shape.replicas, topic_configs=config)
        for name, config in wanted.items()
        if name not in there
    ]
    if not missing:
        return
    response = await admin.create_topics(missing)
    for name, code, *said in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            reason = " ".join(filter(None, said)) or for_code(code).__name__
            refusal = refused_topic(name, code, reason, "strikes.replication_factor")
            raise refusal or TransportError(f"{name} cannot be created: {reason}")
    await _wait_for(admin, wanted.keys())


async def _wait_for(admin: AIOKafkaAdminClient, names: Any) -> None:
    async with asyncio.timeout(_KNOWN_WITHIN_S):
        while not names <= (await _described(admin)).keys():
            await asyncio.sleep(0.1)


async def _described(admin: AIOKafkaAdminClient) -> dict[str, list[dict[str, Any]]]:
    """Return the partitions of each existing topic."""
    return {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics() if not topic["error_code"]}
