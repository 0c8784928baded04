"""Strikes as they are issued: their ids, their bytes, and the memory of them that a standing keeps."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from schemas.strike import Strike, StrikeAction, StrikeKind
from schemas.verdict import Verdict
from stream.strikes.ladder import Rules

MAX_EVIDENCE: Final = 50
"""A strike names at most this many verdicts, the newest."""
MEMORY: Final = 12
"""Strikes that a standing or a channel remembers."""


class Issued(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A strike that was issued.  ``cause`` is the verdict that caused it, ``body`` the strike in JSON."""

    cause: str
    player_id: str
    body: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found: the strike without the names in it.  ``at`` is event time in milliseconds."""

    kind: StrikeKind
    action: StrikeAction
    duration_s: int | None
    cool_down_s: int
    points: float
    evidence: Sequence[str]
    level: int = 0

    def quiet_until(self, clock: int) -> int:
        """Return when the same rule may strike again, in event time."""
        return clock + max(self.cool_down_s, self.duration_s or 0) * 1_000


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a strike is about, and which verdict caused it at what event time (milliseconds)."""

    game_id: str
    player_id: str
    cause: str
    at: int


def issue(finding: Finding, subject: Subject, clock: int, rules: Rules) -> Issued:
    """Write a strike.  A mute runs from ``clock``, the latest event time known, so that a late verdict mutes too."""
    evidence = list(finding.evidence[-MAX_EVIDENCE:])
    strike = Strike(
        strike_id=_digest(finding, subject, evidence, rules),
        player_id=subject.player_id,
        game_id=subject.game_id,
        kind=finding.kind,
        level=finding.level,
        action=finding.action,
        points=round(finding.points, 3),
        evidence=evidence,
        at=instant(subject.at),
        expires_at=instant(clock + finding.duration_s * 1_000) if finding.duration_s else None,
        ladder=rules.digest,
    )
    return Issued(subject.cause, subject.player_id, strike.model_dump_json())


def remember(memory: tuple[Issued, ...], issued: Sequence[Issued]) -> tuple[Issued, ...]:
    """Keep the newest strikes."""
    return (*memory, *issued)[-MEMORY:]


def held(verdict: Verdict, written: int) -> Verdict:
    """Return the verdict, its ``decided_at`` capped at its record's timestamp (milliseconds; 0 or less: not known).

    Kafka bounds how far ahead of its own clock a record may be written, so this bounds every time in a verdict.
    """
    if written <= 0 or milliseconds(verdict.decided_at) <= written:
        return verdict
    return verdict.model_copy(update={"decided_at": instant(written)})


def event_time(verdict: Verdict, max_skew_s: int) -> int:
    """Return a verdict's event time in milliseconds: when it was sent, but not long after it was decided."""
    sent = milliseconds(verdict.sent_at)
    return min(sent, milliseconds(verdict.decided_at) + max_skew_s * 1_000)


def milliseconds(moment: datetime) -> int:
    """Return milliseconds since the epoch, rounded down."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000 + delta.microseconds // 1_000


def instant(at: int) -> datetime:
    """Return the time ``at`` milliseconds since the epoch, capped at what ``datetime`` can represent."""
    return datetime.fromtimestamp(min(max(at, -62_135_596_800_000), 253_402_300_799_000) / 1_000, UTC)


def _digest(finding: Finding, subject: Subject, evidence: Sequence[str], rules: Rules) -> str:
    fields = (
        rules.digest,
        subject.game_id,
        subject.player_id,
        finding.kind,
        str(finding.level),
        subject.cause,
        *evidence,
    )
    return hashlib.blake2b("\x1f".join(fields).encode(), digest_size=16).hexdigest()
