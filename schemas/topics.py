"""The catalogue of topics: a name, its key, its value, and how it should be created."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel

from schemas.event import ChatEvent
from schemas.strike import Strike
from schemas.verdict import Flagged, Verdict

TopicRole = Literal["events", "verdicts", "flagged", "dead_letters", "strikes"]
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the catalogue.

    ``value`` is None where the bytes are not ours to define (dead letters).  ``retention_ms`` is the
    suggestion that ``chatwarden topics`` creates it with.
    """

    role: TopicRole
    default_name: str
    key: str
    value: type[BaseModel] | None
    retention_ms: int
    max_message_bytes: int = 1_048_588


CATALOGUE: Final[tuple[Topic, ...]] = (
    Topic("events", "chat.events", "any", ChatEvent, 7 * DAY_MS),
    Topic("verdicts", "moderation.verdicts", "player_id", Verdict, 30 * DAY_MS),
    Topic("flagged", "moderation.flagged", "player_id", Flagged, 30 * DAY_MS),
    Topic("dead_letters", "chat.events.dlq", "as input", None, 30 * DAY_MS, 2_097_152),
    Topic("strikes", "moderation.strikes", "player_id", Strike, 90 * DAY_MS),
)
