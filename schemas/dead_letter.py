"""Dead letters: records that could not be judged, with the cause as data."""

from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Cause = Literal[
    "null_value",  # a tombstone: the record has no value
    "too_large",  # longer than MAX_RECORD_BYTES
    "not_utf8",  # the bytes are not UTF-8
    "not_json",  # not one JSON document (truncated, NaN, trailing bytes …)
    "too_deep",  # nested more deeply than MAX_DEPTH
    "not_an_object",  # JSON, but not an object
    "missing_field",  # a required field is absent
    "invalid_field",  # a field has the wrong type or value
    "poisoned",  # the classifier fails on this text even alone
]

MAX_RECORD_BYTES: Final = 1_048_576
MAX_DEPTH: Final = 32

HEADER_PREFIX: Final = "dlq."
"""Kafka headers: ``dlq.cause``, ``dlq.detail``, ``dlq.topic``, ``dlq.partition``, ``dlq.offset``,
``dlq.timestamp`` (ms), ``dlq.group``; key, value and the record's own headers stay as they were."""


class Rejection(NamedTuple):
    """Why a record was not judged.  ``detail`` names the place and never quotes the record."""

    cause: Cause
    detail: str


class DeadLetterLine(BaseModel):
    """A dead letter of ``chatwarden moderate``: one malformed input line, bytes kept in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="DeadLetterLine")

    line: Annotated[int, Field(ge=1, description="line number in the input, from 1")]
    cause: Cause
    detail: str
    raw_base64: str
