"""The checks of ``chatwarden doctor``: each reports what it found and, if something is wrong, how to fix it."""

import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from schemas.topics import CATALOGUE
from stream.errors import ConfigError, TransportError
from stream.settings import Settings

Status = Literal["ok", "warning", "failed"]

KAFKA_S: Final = 5.0
TRANSACTION_S: Final = 15.0
SKEW_S: Final = 5.0
BUILT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock before this is wrong."""


class Finding(NamedTuple):
    """What a check found; ``fix`` is empty when nothing needs fixing."""

    status: Status
    found: str
    fix: str = ""


Check = Callable[[Settings], Finding]


def check_kafka(settings: Settings) -> Finding:
    """Check that Kafka answers."""
    from confluent_kafka import KafkaException

    from stream.topics import connect

    address = settings.kafka.bootstrap_servers
    try:
        cluster = connect(settings, KAFKA_S).list_topics(timeout=KAFKA_S)
    except (ConfigError, TransportError) as exc:
        found, _, fix = str(exc).partition("; ")
        return Finding("failed", found, fix)
    except KafkaException as exc:
        return Finding("failed", f"no answer from {address}: {exc.args[0].str()}", "try again; check its brokers")
    count = len(cluster.brokers)
    return Finding("ok", f"{count} broker{'s' if count != 1 else ''} behind {address}")


def check_topics(settings: Settings) -> Finding:
    """Check that all topics exist, and that verdicts and strikes have the same number of partitions."""
    from stream.topics import connect, find_topics, wanted_topics

    try:
        found = find_topics(connect(settings), wanted_topics(settings, 1, {}))
    except (ConfigError, TransportError) as exc:
        return Finding("failed", str(exc), "fix kafka first")
    names = {topic.role: getattr(settings.topics, topic.role) for topic in CATALOGUE}
    missing = [name for name in names.values() if name not in found]
    if missing:
        return Finding("failed", f"missing: {', '.join(missing)}", "run: chatwarden topics")
    counts = {role: found[name].partitions for role, name in names.items()}
    said = ", ".join(f"{names[role]} {count}" for role, count in counts.items())
    if counts["verdicts"] != counts["strikes"]:
        return Finding(
            "warning", f"partitions: {said}", "give verdicts and strikes the same number; the strikes worker needs it"
        )
    return Finding("ok", f"partitions: {said}")


def check_transactions(settings: Settings) -> Finding:
    """Check that the broker allows a transaction."""
    from confluent_kafka import KafkaException, Producer

    from stream.kafka_config import producer_properties

    properties = producer_properties(settings.kafka, f"doctor-{uuid.uuid4().hex[:8]}")
    try:
        producer = Producer({**properties, "log_level": 0})
        producer.init_transactions(TRANSACTION_S)
        producer.begin_transaction()
        producer.abort_transaction(TRANSACTION_S)
    except KafkaException as exc:
        return Finding(
            "failed",
            exc.args[0].str(),
            "allow Write and Describe on transactional ids that begin with kafka.transactional_id_prefix; on a single "
            "broker set transaction.state.log.replication.factor=1 and transaction.state.log.min.isr=1",
        )
    return Finding("ok", f"begun and aborted as {properties['transactional.id']}")


def check_redis(settings: Settings) -> Finding:
    """Check that the shared cache answers, and fast enough."""
    from stream.redis_cache import RedisCache

    url = settings.redis.url.get_secret_value()
    if not url:
        return Finding("ok", "not used (redis.url is empty); each worker has only its own memory")
    try:
        cache = RedisCache(url, settings.redis.timeout_ms / 1_000, settings.redis.connect_timeout_ms / 1_000)
        with closing(cache):
            cache.ping()
            started = time.monotonic()
            cache.ping()
            spent_ms = (time.monotonic() - started) * 1_000
    except (ConfigError, TransportError) as exc:
        at = url.split("?")[0].rpartition("@")[2].rpartition("//")[2]  # without user and password
        return Finding(
            "failed",
            f"{exc} ({at})",
            "start it, correct redis.url, or unset it: the stream works without Redis, only slower",
        )
    if spent_ms > settings.redis.timeout_ms / 2:
        return Finding("warning", f"one round trip took {spent_ms:.1f} ms", "move it closer or raise redis.timeout_ms")
    return Finding("ok", f"one round trip took {spent_ms:.1f} ms")


def check_model(settings: Settings) -> Finding:
    """Check that the bundle, the rule packs and the policy can be used."""
    from model.bundle import bundle_digest
    from stream import wiring

    try:
        parts = wiring.load_parts(settings)
        decider = wiring.decider(settings, parts.taxonomy, parts)
    except ConfigError as exc:
        return Finding("failed", str(exc), "fix the file named, or unset the setting to use what ships with chatwarden")
    manifest = parts.bundle.manifest
    gate = "with a gate" if manifest.gate else "without a gate"
    digest = bundle_digest(parts.bundle)
    return Finding("ok", f"{manifest.name} {gate}, digest {digest[:12]}, policy {decider.digest[:12]}")


def check_device(settings: Settings) -> Finding:
    """Check that the requested device exists."""
    if "classifier" not in settings.pipeline.resolvers:
        return Finding("ok", "not needed: no classifier in pipeline.resolvers")
    try:
        import torch
    except ImportError:
        return Finding(
            "failed",
            "torch is not installed",
            "install chatwarden[worker], or take classifier out of pipeline.resolvers",
        )
    from model.errors import DeviceError
    from model.network import choose_device

    try:
        device = choose_device(settings.model.device)
    except DeviceError as exc:
        return Finding("failed", str(exc), "set model.device to auto or cpu, or fix the driver")
    if device.type == "cuda":
        return Finding("ok", f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}")
    return Finding("ok", f"CPU, torch {torch.__version__}")


def check_clock(settings: Settings) -> Finding:
    """Compare our clock with the producers': the newest event must not be in the future."""
    now = datetime.now(UTC)
    if now < BUILT:
        return Finding("failed", f"this machine says it is {now:%Y-%m-%d}", "set the clock; run an NTP client")
    newest = _newest_event(settings)
    if newest is None:
        return Finding("ok", f"{now:%Y-%m-%dT%H:%M:%SZ}; no event to compare it with")
    ahead_s = (newest - now).total_seconds()
    if ahead_s > SKEW_S:
        return Finding(
            "warning",
            f"the newest event is {ahead_s:.0f} s in the future",
            "run an NTP client here and where events are produced",
        )
    return Finding("ok", f"{now:%Y-%m-%dT%H:%M:%SZ}; the newest event is {-ahead_s:.0f} s old")


def _newest_event(settings: Settings) -> datetime | None:
    """Return the highest timestamp in the events topic; None if there is none or it cannot be read."""
    from confluent_kafka import KafkaException, TopicPartition
    from confluent_kafka.admin._listoffsets import OffsetSpec

    from stream.topics import connect

    name = settings.topics.events
    try:
        admin = connect(settings, KAFKA_S)
        topic = admin.list_topics(name, timeout=5).topics[name]
        latest: OffsetSpec = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        asked = {TopicPartition(name, number): latest for number in topic.partitions}
        answers = admin.list_offsets(asked, request_timeout=5) if asked else {}
        newest = max((future.result(10).timestamp for future in answers.values()), default=-1)
    except (KafkaException, ConfigError, TransportError, TimeoutError):
        return None
    return datetime.fromtimestamp(newest / 1_000, UTC) if newest > 0 else None


NEED_KAFKA: Final = ("topics", "transactions")
"""Pointless while Kafka does not answer."""
CHECKS: Final[dict[str, Check]] = {
    "kafka": check_kafka,
    "topics": check_topics,
    "transactions": check_transactions,
    "redis": check_redis,
    "model": check_model,
    "device": check_device,
    "clock": check_clock,
}
