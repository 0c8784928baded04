"""ChatEvent: what a player said, where and when."""

import re
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

MAX_ID: Final = 128
MAX_NAME: Final = 256
MAX_TEXT: Final = 4_000
MAX_NOTE: Final = 4_000
LANG_PATTERN: Final = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"

ChannelKind = Literal["all", "team", "party", "whisper", "guild", "lobby", "voice"]
Source = Literal["text", "voice"]

_INSTANT: Final = Annotated[datetime, msgspec.Meta(tz=True)]


_SHAPE: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:(?P<second>\d\d)(\.\d+)?(?P<offset>[Zz]|[+-]\d\d:?\d\d)?", re.ASCII
)
_EXAMPLE: Final = "such as 2026-01-31T18:00:00Z or 2026-01-31T23:30:00+05:30"


def rfc3339(value: object) -> object:
    """Read an RFC 3339 date-time with its offset; a datetime passes through.

    The reader is msgspec's, here as in the fast decoder, so that both see the same instant.  It takes an offset without
    its colon, which RFC 3339 does not.
    """
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError(f"must be a string: an RFC 3339 date-time with an offset, {_EXAMPLE}")
    shape = _SHAPE.fullmatch(value)
    if shape and shape["offset"] is None:
        raise ValueError(f"the offset is missing: end it with Z, +00:00 or the like, {_EXAMPLE}")
    if shape and shape["offset"] not in ("Z", "z") and ":" not in shape["offset"]:
        raise ValueError(f"the offset must have a colon, {_EXAMPLE}")
    if shape and shape["second"] == "60":
        raise ValueError("second 60, a leap second, cannot be represented: send 59")
    try:
        return msgspec.convert(value, type=_INSTANT)
    except msgspec.ValidationError as exc:
        raise ValueError(f"must be an RFC 3339 date-time with an offset, {_EXAMPLE}") from exc


Instant = Annotated[AwareDatetime, BeforeValidator(rfc3339)]
_Note = Annotated[str, Field(max_length=MAX_NOTE)]


class ChatEvent(BaseModel):
    """One message of one player.  Unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", title="ChatEvent")

    event_id: Annotated[str, Field(min_length=1, max_length=MAX_ID)]
    player_id: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    channel_id: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    text: Annotated[
        str,
        Field(min_length=1, max_length=MAX_TEXT, description="the message, or a voice transcript"),
    ]
    sent_at: Annotated[Instant, Field(description="RFC 3339 with an offset")]
    game_id: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] = "default"
    match_id: Annotated[str, Field(min_length=1, max_length=MAX_NAME)] | None = None
    channel_kind: ChannelKind | None = None
    source: Source = "text"
    lang: Annotated[str, Field(pattern=LANG_PATTERN, max_length=35, description="BCP 47")] | None = None
    metadata: dict[_Note, _Note] = Field(default_factory=dict)
