"""Dead letters: a copy of the record for the dead-letter topic, with the cause as data.  Pure."""

from typing import Any, Final, NamedTuple

from schemas.dead_letter import HEADER_PREFIX, Rejection
from stream.strikes.outbox import Header

MAX_COPY: Final = 2_000_000
"""Bytes of the largest record that is copied, its key and headers included: what the topic takes, less some room."""


class Copy(NamedTuple):
    """What goes to the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]


def copy(message: Any, rejection: Rejection, group: str) -> Copy:
    """Copy a record as it came, and say in ``dlq.*`` headers why it is set aside and where it is from.

    A record that is too large for a copy, as a compressed one may be, is only named: where it is, and how long it
    was.  One without key and value gets an empty key, since the client sends no record that has neither.
    """
    key, value = message.key, message.value
    headers = [(name, content) for name, content in message.headers or () if content is not None]
    detail, size = rejection.detail, _size(key, value, headers)
    if size > MAX_COPY:
        key, value, headers = None, None, []
        detail = f"{detail}; {size} bytes with key and headers, not copied"
    about = {
        "cause": rejection.cause,
        "detail": detail,
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": written_at(message),
        "group": group,
    }
    headers += [(HEADER_PREFIX + name, str(content).encode()) for name, content in about.items()]
    return Copy(b"" if key is None and value is None else key, value, headers)


def written_at(message: Any) -> int:
    """Return a record's timestamp in milliseconds; Faust has it in seconds."""
    return round((message.timestamp or 0) * 1_000)


def _size(key: bytes | None, value: bytes | None, headers: list[Header]) -> int:
    named = sum(len(name.encode()) + len(content) for name, content in headers)
    return len(key or b"") + len(value or b"") + named
