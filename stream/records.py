"""What moves through the worker: records in, judged chunks out."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.dead_letter import Rejection

Headers = tuple[tuple[str, bytes | None], ...]


class Partition(NamedTuple):
    """A topic partition."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the source delivers it.  ``topic`` is None outside Kafka; then ``offset`` counts lines from 0."""

    value: bytes | None
    offset: int
    topic: str | None = None
    partition: int = 0
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records in input order.  ``ends`` maps each partition to the offset to commit: last record + 1."""

    records: list[Record]
    ends: dict[Partition, int] = field(default_factory=dict)


class Outgoing(NamedTuple):
    """One verdict on its way out; ``flagged`` is None when the action is ``allow``."""

    key: bytes
    verdict: bytes
    flagged: bytes | None


class DeadLetter(NamedTuple):
    """A record that was not judged, and why."""

    record: Record
    rejection: Rejection


@dataclass(frozen=True, slots=True)
class Judged:
    """A chunk after judging: every record is in ``results``, once, in input order."""

    results: list[Outgoing | DeadLetter]
    tally: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Verdicts by (action, category, resolved_by), for metrics and summaries."""
