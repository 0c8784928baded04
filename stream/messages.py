"""librdkafka's messages as records."""

from typing import cast

from confluent_kafka import Message

from stream.records import Record


def place_of(message: Message) -> tuple[int, int]:
    """Return partition and offset of a message that came from a partition."""
    return message.partition(), message.offset()  # type: ignore[return-value]  # only errors may lack them


def record_of(message: Message, topic: str, number: int, offset: int) -> Record:
    """Return a message that is not an error as the record at this place."""
    headers = message.headers()
    return Record(
        message.value(),
        offset,
        topic,
        number,
        message.key(),
        tuple(cast("list[tuple[str, bytes | None]]", headers)) if headers else (),
        message.timestamp()[1],
    )
