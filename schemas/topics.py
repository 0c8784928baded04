"""The catalogue of topics: purpose, key, value, and how to create each.  Names are settings."""

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

    ``value`` is None where we do not define the bytes (dead letters).  ``retention_ms`` is the default
    with which ``chatwarden topics`` creates it.
    """

    role: TopicRole
    key: str
    value: type[BaseModel] | None
    retention_ms: int
    max_message_bytes: int = 1_048_588


CATALOGUE: Final[tuple[Topic, ...]] = (
    Topic("events", "any", ChatEvent, 7 * DAY_MS),
    Topic("verdicts", "player_id", Verdict, 30 * DAY_MS),
    Topic("flagged", "player_id", Flagged, 30 * DAY_MS),
    Topic("dead_letters", "as input", None, 30 * DAY_MS, 2_097_152),
    Topic("strikes", "player_id", Strike, 90 * DAY_MS),
)
