"""The step for each kind of record: verdicts, remarks, erasures.

A step stores, then sends, then is finished.  An interrupted step is repeated from the start; what was stored
is then recognised and sent again (see ``tally``).
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from faust.types import TP

from schemas.codec import decode_verdict
from schemas.dead_letter import Rejection
from stream.metrics import Metrics
from stream.settings import Settings
from stream.strikes.aside import copy, written_at
from stream.strikes.channel import Remark
from stream.strikes.issue import held
from stream.strikes.ladder import Ladders
from stream.strikes.outbox import Sender
from stream.strikes.table import KeptTable
from stream.strikes.tally import Tallied, channel_key, remark_of, stored_offset, tally_remark, tally_verdict
from stream.strikes.transport import VerdictConsumer

log: Final = logging.getLogger(__name__)


class Erasure(msgspec.Struct, frozen=True):
    """A request to erase a player; sent to every partition, because the player's partition is not known."""

    request_id: str
    player_id: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Tables:
    """Standings by player and channels by game and name."""

    standings: KeptTable
    channels: KeptTable


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps and their dependencies.  ``now`` is for the audit; standings use event time only."""

    settings: Settings
    ladders: Ladders
    pseudonym: Callable[[str], str]
    outbox: Sender
    tables: Tables
    metrics: Metrics
    now: Callable[[], datetime]

    async def verdict(self, consumer: VerdictConsumer, message: Any) -> None:
        """Add a verdict to its player's standing and send its channel what it needs."""
        verdict = decode_verdict(message.value)
        if isinstance(verdict, Rejection):
            await self._set_aside(message, verdict)
        else:
            verdict = held(verdict, written_at(message))
            table, key = self.tables.standings, verdict.player_id.encode()
            stored = table.store.load(message.partition, key)
            tallied = tally_verdict(stored, message.offset, verdict, self.ladders)
            await self._apply(table, key, message.partition, tallied)
            remark = remark_of(verdict, message.partition, message.offset, self.ladders)
            channel = channel_key(verdict.game_id, verdict.channel_id)
            await self.outbox.put(self.settings.strikes.channels, channel, msgspec.json.encode(remark))
        consumer.finish(message)

    async def remark(self, consumer: VerdictConsumer, message: Any) -> None:
        """Add a remark to its channel."""
        remark = _read(message, Remark)
        if isinstance(remark, Rejection):
            await self._set_aside(message, remark)
        else:
            table, key = self.tables.channels, channel_key(remark.game_id, remark.channel_id)
            stored = table.store.load(message.partition, key)
            who = self.pseudonym(remark.player_id)
            tallied = tally_remark(stored, message.offset, remark, who, self.ladders)
            await self._apply(table, key, message.partition, tallied)
        consumer.finish(message)

    async def erasure(self, consumer: VerdictConsumer, message: Any) -> None:
        """Erase a player from this partition, if it has them, and write an audit record."""
        erasure = _read(message, Erasure)
        if isinstance(erasure, Rejection):
            await self._set_aside(message, erasure)
        elif not await self._erase(consumer, message, erasure):
            consumer.forsake(message)
            return
        consumer.finish(message)

    async def _erase(self, consumer: VerdictConsumer, message: Any, erasure: Erasure) -> bool:
        """Erase a player once no verdict now in the partition can be delivered again; False: not yet.

        Otherwise the standing would come back: from a verdict that was read but not committed, or from one that is
        still to be read.
        """
        partition, key, table = message.partition, erasure.player_id.encode(), self.tables.standings
        verdicts = TP(self.settings.topics.verdicts, partition)
        end = await consumer.end_of(verdicts, message.generation_id)
        while await consumer.commit_to(verdicts, end, message.generation_id):
            stored, committed = table.store.load(partition, key), consumer.ledger.committed_to(verdicts)
            if stored is not None and stored_offset(stored) >= committed:
                end = stored_offset(stored) + 1
            elif await table.forget(partition, key, stored, committed - 1):
                await self._erased(erasure, partition, key, stored)
                return True
        return False

    async def _erased(self, erasure: Erasure, partition: int, key: bytes, stored: bytes | None) -> None:
        if stored is not None:
            await self.outbox.put(self.settings.topics.strikes, key, None)
        await self._audit(erasure, partition, stored is not None)

    async def _audit(self, erasure: Erasure, partition: int, found: bool) -> None:  # noqa: FBT001 - data, not a fork
        record = {
            "request_id": erasure.request_id,
            "player": self.pseudonym(erasure.player_id),
            "partition": partition,
            "found": found,
            "requested_at": erasure.requested_at.isoformat(),
            "erased_at": self.now().isoformat(),
        }
        await self.outbox.put(self.settings.strikes.audit, erasure.request_id.encode(), json.dumps(record).encode())
        self.metrics.count("standings_erased_total", int(found))
        if found:
            log.info("a player was erased", extra={"partition": partition})

    async def _apply(self, table: KeptTable, key: bytes, partition: int, tallied: Tallied) -> None:
        if tallied.forgets:
            await self.outbox.settle()
        if tallied.value is None:
            await table.say(partition, key, table.store.load(partition, key))
        else:
            await table.keep(partition, key, tallied.value)
        delivery = "again" if tallied.value is None else "first"
        self.metrics.count("records_tallied_total", 1, table=table.name, delivery=delivery)
        for strike in tallied.strikes:
            await self.outbox.put(self.settings.topics.strikes, strike.player_id.encode(), strike.body.encode())
            if tallied.value is not None:
                self.metrics.count("strikes_total", 1, **_labels(strike.body))

    async def _set_aside(self, message: Any, rejection: Rejection) -> None:
        """Copy a record that is not a verdict to the dead letters."""
        key, value, headers = copy(message, rejection, self.settings.strikes.app_id)
        await self.outbox.put(self.settings.strikes.dead_letters, key, value, headers=headers)
        self.metrics.count("dead_letters_total", 1, cause=rejection.cause)


T = TypeVar("T")


def _read(message: Any, kind: type[T]) -> T | Rejection:
    """Read a record of our own topics; another program may have written it."""
    if message.value is None:
        return Rejection("null_value", "the record has no value")
    try:
        return msgspec.json.decode(message.value, type=kind)
    except msgspec.DecodeError as exc:
        return Rejection("invalid_field" if isinstance(exc, msgspec.ValidationError) else "not_json", str(exc))
    except UnicodeDecodeError as exc:
        return Rejection("not_utf8", f"byte {exc.start}: {exc.reason}")


def _labels(body: str) -> dict[str, str]:
    strike = msgspec.json.decode(body)
    return {"kind": strike["kind"], "action": strike["action"]}
