"""Tables: what lies on disk, and reading it back, interrupted or not."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from stream.errors import DataLost
from stream.strikes.ladder import Ladders
from stream.strikes.restore import STALE_S, Restore
from stream.strikes.store import KeptStore, Place
from stream.strikes.tally import UNTIL, Change, stored_offset, tally_verdict
from tests.support.strikes_app import an_app
from tests.support.verdicts import a_verdict

TP = TopicPartition("changelog", 0)


def a_state(offset: int) -> bytes:
    """A player's entry as it is after the verdict at ``offset``."""
    value = tally_verdict(None, offset, a_verdict(str(offset)), Ladders()).value
    assert value is not None
    return value


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KeptStore]:
    store = an_app(tmp_path)[1].standings.store
    yield store
    asyncio.run(store.stop())


def test_of_two_states_the_later_stays_whatever_their_order(store: KeptStore) -> None:
    store.absorb(0, [Change(b"p", a_state(5)), Change(b"p", a_state(3))], Place(2, 0))
    assert stored_offset(store.load(0, b"p") or b"") == 5
    store.absorb(0, [Change(b"p", a_state(4))], Place(3, 0))
    assert stored_offset(store.load(0, b"p") or b"") == 5
    store.absorb(0, [Change(b"p", a_state(6))], Place(4, 0))
    assert stored_offset(store.load(0, b"p") or b"") == 6
    assert store.place(0) == Place(4, 0)
    assert store.place(1) is None


def test_a_tombstone_removes_and_what_follows_it_begins_anew(store: KeptStore) -> None:
    store.absorb(0, [Change(b"p", a_state(5)), Change(b"p", None)], Place(2, 0))
    assert store.load(0, b"p") is None
    store.absorb(0, [Change(b"p", a_state(7)), Change(b"p", None), Change(b"p", a_state(8))], Place(5, 0))
    assert stored_offset(store.load(0, b"p") or b"") == 8
    assert [key for key, _ in store.kept(0)] == [b"p"]


def test_a_removal_spares_what_is_later_than_what_it_removes(store: KeptStore) -> None:
    store.absorb(0, [Change(b"p", a_state(5)), Change(b"p", None, 4)], Place(2, 0))
    assert stored_offset(store.load(0, b"p") or b"") == 5
    store.absorb(0, [Change(b"p", None, 5)], Place(3, 0))
    assert store.load(0, b"p") is None
    store.absorb(0, [Change(b"p", None, 5)], Place(4, 0))
    assert store.load(0, b"p") is None


def test_a_page_begins_where_it_is_told_and_holds_no_more_than_it_may(store: KeptStore) -> None:
    keys = [b"a", b"ab", b"b", b"\xc3\xa9"]
    store.absorb(0, [Change(key, a_state(1)) for key in keys], Place(2, 0))
    assert [key for key, _ in store.page(0, b"", 3)] == keys[:3]
    assert [key for key, _ in store.page(0, b"b\0", 3)] == keys[3:]
    assert store.page(0, b"\xc3\xa9\0", 3) == []


@dataclass(frozen=True)
class Row:
    offset: int
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class FakeReader:
    """A changelog of one partition; ``CUT`` interrupts the fetch that reaches it, once."""

    CUT = Row(-1, b"", None)

    def __init__(self, rows: list[Row]) -> None:
        self.rows = [row for row in rows if row is not self.CUT]
        self.cuts = [index for index, row in enumerate(rows) if row is self.CUT]
        self.fetched: list[int] = []
        self._position = 0

    def assign(self, partitions: list[TopicPartition]) -> None:
        assert partitions == [TP]

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.rows[0].offset)

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.rows[-1].offset + 1)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        assert partition == TP
        self._position = offset

    async def position(self, partition: TopicPartition) -> int:
        assert partition == TP
        return self._position

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Row]]:
        assert (partitions, timeout_ms > 0, max_records > 0) == ((TP,), True, True)
        waiting = [row for row in self.rows if row.offset >= self._position][:2]
        if self.cuts and len(self.fetched) >= self.cuts[0]:
            self.cuts.pop(0)
            raise asyncio.CancelledError
        self.fetched += [row.offset for row in waiting]
        self._position = waiting[-1].offset + 1
        return {TP: waiting}


def rows(*offsets: int) -> list[Row]:
    """Rows of a compacted changelog: offsets have holes, each key is a player of its own."""
    return [Row(offset, b"player-%d" % (offset % 7), a_state(offset)) for offset in offsets]


def test_an_interrupted_reading_goes_on_where_the_disk_is_complete(store: KeptStore) -> None:
    log = rows(0, 1, 4, 5, 6, 9, 12, 13, 14, 20)
    reader = FakeReader([*log[:3], FakeReader.CUT, *log[3:7], FakeReader.CUT, *log[7:]])
    for _ in range(2):
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(Restore(reader, {TP: store}, time.time).run())
    asyncio.run(Restore(reader, {TP: store}, time.time).run())
    newest = {row.key: row.value for row in log}
    assert dict(store.kept(0)) == newest
    assert reader.fetched == [row.offset for row in log], "each record once, none passed over"
    place = store.place(0)
    assert place is not None
    assert place.offset == 21
    assert asyncio.run(Restore(reader, {TP: store}, time.time).run()) == 0


def test_removals_are_read_back_with_what_they_spare(store: KeptStore) -> None:
    gone = [Row(2, b"player-1", None, ((UNTIL, b"1"),)), Row(3, b"player-0", None, ((UNTIL, b"-1"),))]
    asyncio.run(Restore(FakeReader([*rows(0, 1), *gone]), {TP: store}, time.time).run())
    assert [key for key, _ in store.kept(0)] == [b"player-0"]
    broken = FakeReader([Row(4, b"player-0", None, ((UNTIL, b"soon"),))])
    with pytest.raises(DataLost, match="offsets 4 to 4"):
        asyncio.run(Restore(broken, {TP: store}, time.time).run())


def test_a_disk_that_the_changelog_does_not_vouch_for_is_read_anew(store: KeptStore) -> None:
    stale = Place(3, time.time() - STALE_S - 1)
    ahead = Place(1_000, time.time())
    for place in (stale, ahead):
        store.absorb(0, [Change(b"long deleted", a_state(1))], place)
        reader = FakeReader(rows(2, 3, 4))
        assert asyncio.run(Restore(reader, {TP: store}, time.time).run()) == 3
        assert b"long deleted" not in dict(store.kept(0))


def test_work_ahead_of_the_changelog_survives_reading_back(store: KeptStore) -> None:
    asyncio.run(Restore(FakeReader(rows(0, 1)), {TP: store}, time.time).run())
    store.save(0, b"player-1", a_state(90))
    asyncio.run(Restore(FakeReader(rows(0, 1, 8)), {TP: store}, time.time).run())
    assert stored_offset(store.load(0, b"player-1") or b"") == 90
