"""Where a new group starts; a group with offsets keeps them.

Every partition of the topic gets its first offset here, before any worker joins.  So a partition without one is newer
than the group and is read from its beginning, and a missing offset is a loss, never a reset.
"""

import logging
from datetime import datetime
from typing import Final, Literal, cast, get_args

from confluent_kafka import Consumer, KafkaException, TopicPartition

from stream.errors import ConfigError
from stream.kafka_errors import transport_error

log: Final = logging.getLogger("stream.start")

Anchor = Literal["earliest", "latest"]
Start = Anchor | datetime

CALL_S: Final = 10.0


def parse_start(text: str) -> Start:
    """Read ``earliest``, ``latest`` or a time (RFC 3339 with offset).

    Raises:
        ConfigError: it is none of them.
    """
    if text in get_args(Anchor):
        return cast("Anchor", text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ConfigError(f"--start {text}: not earliest, latest or a time such as 2026-01-31T18:00:00Z") from exc
    if moment.tzinfo is None:
        raise ConfigError(f"--start {text}: the time needs an offset, such as 2026-01-31T18:00:00Z")
    return moment


def ensure_start(consumer: Consumer, topic: str, group: str, start: Start) -> None:
    """Set the first offsets of a group without any, with a warning: it may be new, or have lost them.

    ``consumer`` has not subscribed yet.  Blocks on the broker.

    Raises:
        ConfigError: the topic does not exist.
        TransportError: the broker is unavailable, or the group is busy; try again.
    """
    try:
        partitions = _partitions(consumer, topic)
        committed = consumer.committed(partitions, timeout=CALL_S)
        if any(position.offset >= 0 for position in committed):
            return
        for position in committed:
            if position.error is not None:
                raise KafkaException(position.error)
        first = _offsets(consumer, partitions, start)
        consumer.commit(offsets=first, asynchronous=False)
    except KafkaException as exc:
        raise transport_error(exc.args[0], f"finding where {topic} starts") from exc
    log.warning(
        "the group %s has no offsets for %s and starts at %s", group, topic, start, extra={"partitions": len(first)}
    )


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    found = consumer.list_topics(topic, timeout=CALL_S).topics[topic]
    if found.error is not None:
        raise ConfigError(f"topics.events: {topic}: {found.error.str()}.  `chatwarden topics` creates it")
    return [TopicPartition(topic, number) for number in found.partitions]


def _offsets(consumer: Consumer, partitions: list[TopicPartition], start: Start) -> list[TopicPartition]:
    """Look up the offset of ``start`` in each partition; a time after the last record means the end."""
    if isinstance(start, datetime):
        moment = int(start.timestamp() * 1000)
        asked = [TopicPartition(place.topic, place.partition, moment) for place in partitions]
        found = {place.partition: place.offset for place in consumer.offsets_for_times(asked, timeout=CALL_S)}
    else:
        found = {}
    first = []
    for place in partitions:
        low, high = consumer.get_watermark_offsets(place, timeout=CALL_S)
        offset = low if start == "earliest" else found.get(place.partition, -1)
        first.append(TopicPartition(place.topic, place.partition, offset if offset >= 0 else high))
    return first
