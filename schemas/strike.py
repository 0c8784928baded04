"""Strike: what a player's verdicts add up to."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.event import Instant
from schemas.verdict import Digest

StrikeKind = Literal["ladder", "flood", "raid", "pile_on", "pattern"]
StrikeAction = Literal["warn", "mute", "refer"]


class Strike(BaseModel):
    """One step of escalation.  The same verdicts under the same ladder give the same ``strike_id``."""

    model_config = ConfigDict(frozen=True, extra="ignore", title="Strike")

    strike_id: Digest
    player_id: str
    game_id: str
    kind: StrikeKind
    level: Annotated[int, Field(ge=0)]
    action: StrikeAction
    points: Annotated[float, Field(ge=0)]
    evidence: Annotated[list[Digest], Field(description="ids of the verdicts behind it")]
    at: Annotated[Instant, Field(description="event time of the verdict that caused it")]
    expires_at: Instant | None = None
    ladder: Digest
