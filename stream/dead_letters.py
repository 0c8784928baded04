"""Dead letters: their headers, and the limits past which the worker stops.

A bad deploy of an event producer must not drain into the dead-letter topic: past the limits nothing further is
committed, and the records stay in the events topic.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.dead_letter import HEADER_PREFIX
from stream.errors import TooManyDeadLetters
from stream.records import DeadLetter, Headers, Outgoing, Record
from stream.settings import DeadLetterSettings

_Where = tuple[str | None, int]

WINDOW: Final = 1_000
"""Number of most recent records that the ratio covers."""
ENOUGH: Final = 100
"""Number of records below which the ratio is not checked."""


def dead_letter_headers(letter: DeadLetter, group: str) -> Headers:
    """Return the record's own headers, then ours with cause and origin; of equal names the last is ours."""
    record, rejection = letter
    ours = {
        "cause": rejection.cause,
        "detail": rejection.detail,
        "topic": record.topic or "",
        "partition": str(record.partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp_ms),
        "group": group,
    }
    return (*record.headers, *((HEADER_PREFIX + name, value.encode()) for name, value in ours.items()))


class DeadLetterLimits:
    """Decides when there are too many dead letters.  Immutable: ``after`` returns the state once results are committed.

    The decision depends only on the records, not on how they were split into chunks.
    """

    def __init__(
        self, settings: DeadLetterSettings, window: bytes = b"", in_a_row: Mapping[_Where, int] | None = None
    ) -> None:
        self._settings = settings
        self._window = window  # one byte per record, 1 for a dead letter
        self._in_a_row = dict(in_a_row or {})

    @property
    def ratio(self) -> float:
        """Share of dead letters among the last records."""
        return self._window.count(1) / len(self._window) if self._window else 0.0

    def after(self, results: Sequence[Outgoing | DeadLetter], records: Sequence[Record]) -> "DeadLetterLimits":
        """Count one chunk's results; ``records`` are their inputs.

        Raises:
            TooManyDeadLetters: a limit is exceeded; says where and what to do.
        """
        flags = bytes([type(result) is DeadLetter for result in results])
        if 1 not in flags and not self._in_a_row:
            return DeadLetterLimits(self._settings, (self._window + flags)[-WINDOW:])
        seen = self._window + flags
        in_a_row = dict(self._in_a_row)
        for index, (result, record) in enumerate(zip(results, records, strict=True), len(self._window) + 1):
            partition = (record.topic, record.partition)
            if not isinstance(result, DeadLetter):
                in_a_row.pop(partition, None)
                continue
            in_a_row[partition] = in_a_row.get(partition, 0) + 1
            self._check(seen[max(0, index - WINDOW) : index], in_a_row[partition], result)
        return DeadLetterLimits(self._settings, seen[-WINDOW:], in_a_row)

    def _check(self, window: bytes, in_a_row: int, last: DeadLetter) -> None:
        if in_a_row > self._settings.max_consecutive:
            reached = (
                f"{in_a_row} dead letters in a row (dead_letters.max_consecutive is {self._settings.max_consecutive})"
            )
        elif len(window) >= ENOUGH and window.count(1) > self._settings.max_ratio * len(window):
            reached = (
                f"{window.count(1)} of the last {len(window)} records are dead letters "
                f"(dead_letters.max_ratio is {self._settings.max_ratio:g})"
            )
        else:
            return
        record, rejection = last
        raise TooManyDeadLetters(
            f"{reached}; the last one is {record.topic}[{record.partition}] offset {record.offset}: "
            f"{rejection.cause}: {rejection.detail}.  Nothing further is committed.  Fix the producer of the events "
            "and start again, or raise the limit to let them pass to the dead-letter topic"
        )
