"""Rebalances that overtake the reading back of tables: nothing is tallied before its table is read back."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faust.types import TP

from stream.strikes.app import StrikesApp
from stream.strikes.ledger import Ledger
from stream.strikes.table import KeptRecovery
from stream.strikes.transport import VerdictConsumer
from tests.support.strikes_app import an_app

OURS, GAINED = TP("unit-standings-changelog", 0), TP("unit-standings-changelog", 1)
VERDICTS = TP("moderation.verdicts", 0)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[StrikesApp]:
    app, tables, _, _ = an_app(tmp_path)
    yield app
    asyncio.run(tables.standings.store.stop())


class Overtaken(KeptRecovery):
    """A recovery that the next rebalance, in which a partition is gained, overtakes while tables are read back."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.read: list[set[TP]] = []

    async def _read_back(self, partitions: set[TP]) -> None:
        self.read.append(set(partitions))
        cast("StrikesApp", self.app).rebalancing_count += 1
        self.active_tps.clear()
        self.active_tps.update((OURS, GAINED))


def test_a_partition_gained_while_others_were_read_back_is_read_back_itself(app: StrikesApp) -> None:
    recovery = Overtaken(app, app.tables)
    recovery.active_tps.add(OURS)
    asyncio.run(recovery.on_recovery_completed(6))
    asyncio.run(recovery.on_recovery_completed(7))
    assert recovery.read == [{OURS}, {GAINED}], "ours had no other owner since"


def test_an_epoch_that_was_overtaken_is_left_alone(app: StrikesApp) -> None:
    recovery = Overtaken(app, app.tables)
    recovery.active_tps.add(OURS)
    asyncio.run(recovery.on_recovery_completed(6))
    assert not recovery.completed.is_set()


class Seeking(VerdictConsumer):
    """A consumer that owns a partition, without a broker; something happens while it asks for the offset."""

    def __init__(self, meanwhile: Callable[["Seeking"], object]) -> None:
        self.ledger: Ledger[TP] = Ledger()
        self.restored: int | None = 6
        self._read_offset = {}
        self.app = cast("Any", SimpleNamespace(consumer_generation_id=6))
        self._thread = cast("Any", SimpleNamespace(committed=self._committed))
        self.meanwhile = meanwhile

    def assignment(self) -> set[TP]:
        return {VERDICTS}

    def _is_changelog_tp(self, tp: TP) -> bool:
        return tp != VERDICTS

    async def _committed(self, partitions: set[TP]) -> dict[TP, int]:
        self.meanwhile(self)
        return dict.fromkeys(partitions, 40)


def test_the_epoch_whose_tables_are_read_back_opens_at_the_committed_offsets() -> None:
    consumer = Seeking(lambda _: None)
    asyncio.run(consumer.perform_seek())
    assert (consumer.ledger.epoch, consumer.ledger.positions({VERDICTS})) == (6, {VERDICTS: 40})


def revoked(consumer: Seeking) -> None:
    consumer.restored = None


def assigned(consumer: Seeking) -> None:
    consumer.app.consumer_generation_id = 7


@pytest.mark.parametrize("what", [revoked, assigned])
def test_no_epoch_opens_that_is_over_or_whose_tables_are_not_read_back(what: Callable[[Seeking], object]) -> None:
    during, before = Seeking(what), Seeking(lambda _: None)
    what(before)
    for consumer in (during, before):
        asyncio.run(consumer.perform_seek())
        assert consumer.ledger.epoch is None
