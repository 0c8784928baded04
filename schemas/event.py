"""ChatEvent: what a player said, where and when."""

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


def rfc3339(value: object) -> object:
    """Read an RFC 3339 date-time with its offset; a datetime passes through.

    The reader is msgspec's, here as in the fast decoder, so that both see the same instant.
    """
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a string: an RFC 3339 date-time with an offset")
    try:
        return msgspec.convert(value, type=_INSTANT)
    except msgspec.ValidationError as exc:
        raise ValueError("must be an RFC 3339 date-time with an offset") from exc


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
