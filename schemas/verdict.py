"""Verdict: what was decided about one event, by whom, and why."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.event import ChatEvent, Instant
from schemas.taxonomy import CategoryName, Severity

Action = Literal["allow", "flag", "block"]
ACTIONS: Final[tuple[Action, ...]] = ("allow", "flag", "block")
"""Mildest first."""

ResolvedBy = Literal["rule", "gate", "cache", "classifier"]

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="128-bit digest in hex")]
Probability = Annotated[float, Field(ge=0, le=1)]

SCORE_DECIMALS: Final = 3
"""Scores are published on a grid of 0.001."""


class Match(BaseModel):
    """Where a rule hit: code points ``start`` to ``end`` (exclusive) of the original text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    rule: Annotated[str, Field(min_length=1)]


class Origin(BaseModel):
    """The record that carried the event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]


class Verdict(BaseModel):
    """One event's verdict.  Carries no chat text.

    A pure function of the event, the scorer and the policy, but for ``resolved_by``, ``decided_at`` and
    ``origin``, which say how it came about.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", title="Verdict")

    verdict_id: Digest
    event_id: str
    player_id: Annotated[str, Field(min_length=1)]
    channel_id: str
    game_id: str
    action: Action
    category: Annotated[CategoryName, Field(description="the deciding category")]
    scores: Annotated[
        dict[CategoryName, Probability],
        Field(description="by category, on a grid of 0.001; empty when the event was let pass unscored"),
    ]
    resolved_by: ResolvedBy
    matches: list[Match] = Field(default_factory=list)
    severity: Severity
    fingerprint: Annotated[Digest, Field(description="keyed digest of the canonical text")]
    scorer: Digest
    policy: Digest
    sent_at: Instant
    decided_at: Instant
    origin: Origin | None = None


class Flagged(BaseModel):
    """What moderators see: the verdict and the event it is about; only actions other than ``allow``."""

    model_config = ConfigDict(frozen=True, extra="ignore", title="Flagged")

    verdict: Verdict
    event: ChatEvent
