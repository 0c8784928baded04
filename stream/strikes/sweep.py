"""The sweep: scans stored values, a page at a time, and removes those that have lapsed.

It uses stream time: for each partition, the latest event time stored in it.  A removal is first written to the
changelog, and done on disk once that is acknowledged; if interrupted, the next round does it again.  A value is kept
while its last record might be redelivered, or its remarks sent again, since the value is what identifies them as
duplicates.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import msgspec
from faust.types import TP

from stream.metrics import Metrics
from stream.settings import Settings
from stream.strikes import channel, standing
from stream.strikes.ladder import Ladders
from stream.strikes.lapse import Look, Looker, Span, lapsed, look_at_channel, look_at_entry, spans
from stream.strikes.outbox import Sender
from stream.strikes.steps import Tables
from stream.strikes.table import KeptTable
from stream.strikes.tally import stored_offset, without

PAGE: Final = 256
"""Values checked without a pause: some milliseconds in which no record is counted."""
PAUSE_S: Final = 0.5
"""The pause after a full page; shorter after a partial one."""
REST_S: Final = 10.0
"""The pause between two rounds."""


class Holder(Protocol):
    """Who holds the partitions."""

    def epoch(self) -> int | None:
        """Return a number that changes with every rebalance; None during one."""
        ...

    def partitions(self) -> list[int] | None:
        """Return the partitions that this worker owns; None during a rebalance."""
        ...

    async def committed(self) -> Mapping[TP, int]:
        """Return the group's committed offsets of all partitions, not only ours; empty if Kafka does not answer."""
        ...


class _Kind(NamedTuple):
    """A table; ``topic`` is the topic of its values' offsets."""

    table: KeptTable
    topic: str
    look: Looker
    kept: Span


class _Lapsed(NamedTuple):
    """A value in which something has lapsed, and what is left of it."""

    key: bytes
    value: bytes
    left: bytes | None
    look: Look


@dataclass(slots=True)
class Sweep:
    """Sweeps one worker's partitions.  ``now`` is the wall clock in seconds; ``sleep`` waits."""

    holder: Holder
    tables: Tables
    settings: Settings
    ladders: Ladders
    outbox: Sender
    metrics: Metrics
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _times: dict[tuple[str, int], int] = field(default_factory=dict)
    _committed: Mapping[TP, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Sweep until cancelled, which may be at any point.

        Raises:
            TransportError: a record cannot be sent.
        """
        while True:
            await self.sleep(REST_S)
            await self.round()

    async def round(self) -> None:
        """Scan everything once; ends early on a rebalance."""
        epoch, partitions = self.holder.epoch(), self.holder.partitions()
        self._committed = {}
        for kind in self._kinds():
            kept = 0
            for partition in partitions or ():
                kept += await self._over(kind, partition, epoch)
            if epoch is None or self.holder.epoch() != epoch:
                return
            self.metrics.gauge("values_kept", kept, table=kind.table.name)

    def _kinds(self) -> tuple[_Kind, ...]:
        topics = self.settings.topics.verdicts, self.settings.strikes.channels
        return (
            _Kind(self.tables.standings, topics[0], look_at_entry, spans(self.ladders, standing.kept_s)),
            _Kind(self.tables.channels, topics[1], look_at_channel, spans(self.ladders, channel.kept_s)),
        )

    async def _over(self, kind: _Kind, partition: int, epoch: int | None) -> int:
        """Scan one partition while it is held; return how many values are kept."""
        kept, begin = 0, b""
        # No await between this check and the disk: a partition given up may be another worker's by now.
        while epoch is not None and self.holder.epoch() == epoch:
            page = kind.table.store.page(partition, begin, PAGE)
            if not page:
                break
            kept, begin = kept + len(page), page[-1][0] + b"\0"
            found = self._lapsed(kind, partition, page)
            if found:
                kept -= await self._remove(kind, partition, epoch, found)
            await self.sleep(PAUSE_S * len(page) / PAGE)
        return kept

    def _lapsed(self, kind: _Kind, partition: int, page: Sequence[tuple[bytes, bytes]]) -> list[_Lapsed]:
        """Return what has lapsed on a page, and advance stream time."""
        looks = [(key, value, _seen(kind, key, value)) for key, value in page]
        latest = max((clock for _, _, look in looks for clock in look.clocks.values()), default=0)
        place = (kind.table.name, partition)
        self._times[place] = max(self._times.get(place, 0), latest)
        # One record from the future must not make everybody lapse.
        at, found = min(self._times[place], int(self.now() * 1_000)), []
        for key, value, look in looks:
            games = lapsed(look, at, kind.kept)
            if games:
                left = without(value, games) if look.clocks.keys() - games else None
                found.append(_Lapsed(key, value, left, look))
        return found

    async def _remove(self, kind: _Kind, partition: int, epoch: int, found: Sequence[_Lapsed]) -> int:
        """Remove what has lapsed and is safe to remove; return how many values."""
        self._committed = self._committed or await self.holder.committed()
        said = [
            one for one in found if self._is_safe(kind, partition, one) and await self._say(kind, partition, epoch, one)
        ]
        await self.outbox.settle()
        store, gone = kind.table.store, 0
        for one in said if self.holder.epoch() == epoch else ():
            if store.load(partition, one.key) == one.value:
                store.save(partition, one.key, one.left)
                gone += one.left is None
                self.metrics.count("values_lapsed_total", 1, table=kind.table.name)
        return gone

    async def _say(self, kind: _Kind, partition: int, epoch: int, one: _Lapsed) -> bool:
        if self.holder.epoch() != epoch:
            return False
        return await kind.table.say_lapsed(partition, one.key, one.value, one.left)

    def _is_safe(self, kind: _Kind, partition: int, one: _Lapsed) -> bool:
        """Whether neither its last record nor a counted remark can be redelivered."""
        if stored_offset(one.value) >= self._committed.get(TP(kind.topic, partition), 0):
            return False
        verdicts = self.settings.topics.verdicts
        return all(offset < self._committed.get(TP(verdicts, source), 0) for source, offset in one.look.heard.items())


def _seen(kind: _Kind, key: bytes, value: bytes) -> Look:
    try:
        return kind.look(key, value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Look({}, {})  # its reader will report it
