"""Forgetting a player: when it may be done, what it says, and what makes it wait."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import msgspec
import pytest
from faust.types import TP

from stream.metrics import NoMetrics
from stream.strikes.client import Fetched
from stream.strikes.ladder import Ladders
from stream.strikes.ledger import Ledger
from stream.strikes.steps import Erasure, Steps, Tables
from stream.strikes.tally import UNTIL, pseudonyms
from stream.strikes.transport import VerdictConsumer
from tests.support.strikes_app import ListOutbox, an_app
from tests.support.verdicts import START, a_verdict

NOW = datetime(2026, 1, 2, tzinfo=UTC)
VERDICTS: Final = TP("moderation.verdicts", 1)
ERASURES: Final = TP("erasures", 1)
CHANGELOG: Final = "unit-standings-changelog"
REQUEST: Final = msgspec.json.encode(Erasure("r1", "Mallory", START))


class Consumer(VerdictConsumer):
    """A consumer of one partition without a broker, whose end is where the test puts it; commits succeed or do not."""

    should_stop = False

    def __init__(self, end: int) -> None:
        self.ledger: Ledger[TP] = Ledger()
        self.ledger.open(1, {VERDICTS: 0, ERASURES: 0})
        self.read(end)
        self.flow_active = True
        self.commits = 0
        self.refused = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self.app = cast("Any", SimpleNamespace(batchwise=frozenset({ERASURES.topic})))
        self.ends: list[int | None] = [end]
        self.asked = 0
        self._ends: dict[tuple[int, TP], int] = {}
        self._thread = cast("Any", SimpleNamespace(known_end=self._known_end))

    def read(self, end: int) -> None:
        assert self.ledger.take(1, {VERDICTS: end}, {VERDICTS: end})

    async def _known_end(self, _: TP) -> int | None:
        self.asked += 1
        return self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - as Faust's
        self.commits += 1
        if self.commits > self.refused:
            self.ledger.committed(1, self.ledger.due())
        return self.commits > self.refused

    async def sleep(self, n: Any) -> None:
        self.meanwhile()


@dataclass(frozen=True)
class Message:
    """A record as Faust hands it over."""

    value: bytes
    offset: int = 0
    tp: TP = ERASURES
    key: bytes | None = b"key"
    timestamp: float = START.timestamp() + 3_600
    generation_id: int = 1

    @property
    def topic(self) -> str:
        return self.tp.topic

    @property
    def partition(self) -> int:
        return self.tp.partition


@dataclass(frozen=True)
class Desk:
    """A worker without a broker."""

    tables: Tables
    outbox: ListOutbox
    steps: Steps

    def hear(self, consumer: Consumer, offset: int) -> None:
        """Tally a verdict of Mallory's."""
        raw = a_verdict(str(offset), offset, player_id="Mallory").model_dump_json().encode()
        asyncio.run(self.steps.verdict(consumer, Message(raw, offset, VERDICTS)))

    def forget(self, consumer: Consumer, offset: int = 0) -> None:
        """Handle a request to forget Mallory."""
        asyncio.run(self.steps.erasure(consumer, Message(REQUEST, offset)))

    @property
    def standing(self) -> bytes | None:
        return self.tables.standings.store.load(1, b"Mallory")

    @property
    def audit(self) -> list[dict[str, object]]:
        return [json.loads(record[2] or b"") for record in self.outbox.to("moderation.erasures.audit")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    _, tables, outbox, settings = an_app(tmp_path)
    steps = Steps(settings, Ladders(), pseudonyms(b"k"), outbox, tables, NoMetrics(), lambda: NOW)
    yield Desk(tables, outbox, steps)
    asyncio.run(tables.standings.store.stop())
    asyncio.run(tables.channels.store.stop())


def test_an_erasure_commits_forgets_and_is_audited_without_the_id(desk: Desk) -> None:
    consumer = Consumer(end=1)
    desk.hear(consumer, 0)
    desk.forget(consumer, 0)
    desk.forget(consumer, 1)
    assert (consumer.commits, consumer.asked) == (1, 1), "the second finds everything committed"
    assert desk.standing is None
    assert desk.outbox.to(CHANGELOG)[-1] == (CHANGELOG, b"Mallory", None, 1)
    assert desk.outbox.to("moderation.strikes")[-1] == ("moderation.strikes", b"Mallory", None, None)
    first, second = desk.audit
    assert first == {
        "request_id": "r1",
        "player": pseudonyms(b"k")("Mallory"),
        "partition": 1,
        "found": True,
        "requested_at": "2026-01-01T12:00:00+00:00",
        "erased_at": "2026-01-02T00:00:00+00:00",
    }
    assert second == {**first, "found": False}
    assert consumer.ledger.due() == {ERASURES: 2}


def test_a_removal_spares_what_a_later_owner_of_the_partition_counts(desk: Desk) -> None:
    consumer = Consumer(end=5)
    for offset in range(5):
        desk.hear(consumer, offset)
    desk.forget(consumer)
    headers = desk.outbox.headers[desk.outbox.sent.index((CHANGELOG, b"Mallory", None, 1))]
    assert headers == {UNTIL: b"4"}


def test_nothing_is_forgotten_while_verdicts_of_before_wait_to_be_read(desk: Desk) -> None:
    consumer = Consumer(end=0)
    consumer.ends = [None, 2]

    def deliver() -> None:
        if consumer.ledger.is_read_to(VERDICTS, 2):
            return
        consumer.read(2)
        for offset in (0, 1):
            consumer.ledger.finish(1, VERDICTS, offset)
        desk.tables.standings.store.save(1, b"Mallory", b"\x01" + (1).to_bytes(8) + b"\x91\x80")

    consumer.meanwhile = deliver
    desk.forget(consumer)
    assert desk.standing is None
    assert [record["found"] for record in desk.audit] == [True]


def test_a_commit_that_fails_is_tried_again_before_anything_is_forgotten(desk: Desk) -> None:
    consumer = Consumer(end=1)
    consumer.refused = 3
    desk.hear(consumer, 0)
    kept: list[bool] = []
    consumer.meanwhile = lambda: kept.append(desk.standing is not None)
    desk.forget(consumer)
    assert kept == [True] * 3
    assert desk.standing is None


@pytest.mark.parametrize("what", ["the epoch", "the flow", "the worker"])
def test_a_request_is_left_to_the_next_epoch_when_this_one_ends_before_the_commit(desk: Desk, what: str) -> None:
    consumer = Consumer(end=1)
    consumer.refused = 1_000
    desk.hear(consumer, 0)
    ends: dict[str, Callable[[], object]] = {
        "the epoch": consumer.ledger.close,
        "the flow": lambda: setattr(consumer, "flow_active", False),
        "the worker": lambda: setattr(consumer, "should_stop", True),
    }
    consumer.meanwhile = ends[what]
    desk.forget(consumer)
    assert desk.standing is not None
    assert desk.audit == []
    assert ERASURES not in consumer.ledger.due()
    consumer.flow_active, consumer.should_stop, consumer.refused = True, False, 0
    desk.forget(consumer, 1)
    assert ERASURES not in consumer.ledger.due(), "what came before it is not done"


def test_a_verdict_that_comes_meanwhile_is_committed_before_it_is_forgotten(desk: Desk) -> None:
    """A player who goes on talking: what is removed is never one that could be delivered again."""
    consumer = Consumer(end=1)
    desk.hear(consumer, 0)
    consumer.ledger.committed(1, consumer.ledger.due())
    consumer.read(2)
    desk.hear(consumer, 1)
    assert not consumer.ledger.is_committed_to(VERDICTS, 2)
    desk.forget(consumer)
    assert desk.standing is None
    assert consumer.ledger.is_committed_to(VERDICTS, 2)


def test_a_standing_that_changes_while_its_removal_waits_its_turn_is_not_removed_unseen(desk: Desk) -> None:
    async def contended() -> bool:
        table = desk.tables.standings
        stored = table.store.load(1, b"Mallory")
        async with table._turn:  # noqa: SLF001 - what a verdict holds while it is kept
            removing = asyncio.ensure_future(table.forget(1, b"Mallory", stored, 0))
            await asyncio.sleep(0)
            table.store.save(1, b"Mallory", b"\x01" + (9).to_bytes(8) + b"\x91\x80")
        return await removing

    desk.hear(Consumer(end=1), 0)
    assert asyncio.run(contended()) is False
    assert desk.standing == b"\x01" + (9).to_bytes(8) + b"\x91\x80"


def test_requests_are_read_on_only_when_all_that_were_read_are_finished() -> None:
    """So that no more of them wait than their stream's buffer holds, and one question about the end does for all."""
    consumer = Consumer(end=0)
    consumer._active_partitions = {VERDICTS, ERASURES}  # noqa: SLF001 - as Faust sets it
    assert consumer._wanted() == {VERDICTS, ERASURES}  # noqa: SLF001 - what the next fetch asks for
    asyncio.run(consumer.end_of(VERDICTS, 1))
    read = Fetched({ERASURES: [Message(REQUEST, 0), Message(REQUEST, 1)]}, {ERASURES: 2})
    assert consumer._takes(1, read)  # noqa: SLF001 - what comes of a fetch
    for offset in (0, 1):
        assert consumer._wanted() == {VERDICTS}  # noqa: SLF001 - likewise
        asyncio.run(consumer.end_of(VERDICTS, 1))
        consumer.ledger.finish(1, ERASURES, offset)
    assert consumer._wanted() == {VERDICTS, ERASURES}  # noqa: SLF001 - likewise
    assert consumer.asked == 2, "once before this batch, once for it"
