"""The sweep: what it removes, what it leaves alone, and in which order it does things."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from faust.types import TP

from stream.metrics import PrometheusMetrics
from stream.strikes import channel, standing
from stream.strikes.issue import milliseconds
from stream.strikes.ladder import Ladders
from stream.strikes.store import KeptStore, Place
from stream.strikes.sweep import PAGE, Sweep
from stream.strikes.tally import Change, channel_key, read_entry, remark_of, tally_remark, tally_verdict
from tests.support.strikes_app import ListOutbox, an_app
from tests.support.verdicts import START, a_verdict

LADDERS = Ladders()
KEPT_S = standing.kept_s(LADDERS.default)
VERDICTS, REMARKS = "moderation.verdicts", "moderation.channels"


@dataclass
class Hold:
    """Partition 1, held for as long as the test likes."""

    now: int | None = 1
    offsets: dict[TP, int] = field(default_factory=lambda: {TP(VERDICTS, 1): 1_000, TP(REMARKS, 1): 1_000})
    asked: int = 0

    def epoch(self) -> int | None:
        return self.now

    def partitions(self) -> list[int] | None:
        return [1]

    async def committed(self) -> dict[TP, int]:
        self.asked += 1
        return self.offsets


class Told(ListOutbox):
    """An outbox that does something else while it waits."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    async def settle(self) -> None:
        await super().settle()
        self.meanwhile()


@dataclass(frozen=True)
class Floor:
    """A sweep over partition 1, without a broker."""

    sweep: Sweep
    hold: Hold
    outbox: Told
    pauses: list[float]
    metrics: PrometheusMetrics

    @property
    def standings(self) -> KeptStore:
        return self.sweep.tables.standings.store

    @property
    def channels(self) -> KeptStore:
        return self.sweep.tables.channels.store

    def players(self) -> list[bytes]:
        return [key for key, _ in self.standings.kept(1)]

    def spoke(self, player: str, after_s: int, offset: int = 0, game: str = "default") -> bytes:
        """Tally a verdict, and return the entry."""
        key, verdict = player.encode(), a_verdict(f"{player}-{offset}", after_s, player_id=player, game_id=game)
        value = tally_verdict(self.standings.load(1, key), offset, verdict, LADDERS).value
        assert value is not None
        self.standings.save(1, key, value)
        return value

    def heard(self, name: str, after_s: int, source: int = 1, offset: int = 0) -> None:
        """Tally a remark; ``offset`` is that of its verdict."""
        key, verdict = channel_key("default", name), a_verdict(name, after_s, channel_id=name)
        remark = remark_of(verdict, source, offset, LADDERS)
        self.channels.save(1, key, tally_remark(self.channels.load(1, key), 0, remark, "who", LADDERS).value)


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[Floor]:
    outbox, pauses, metrics = Told(), list[float](), PrometheusMetrics("strikes")
    _, tables, _, settings = an_app(tmp_path, outbox)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    hold = Hold()
    sweep = Sweep(hold, tables, settings, LADDERS, outbox, metrics, lambda: START.timestamp() + 1e9, sleep)
    yield Floor(sweep, hold, outbox, pauses, metrics)
    asyncio.run(tables.standings.store.stop())
    asyncio.run(tables.channels.store.stop())


def sweep(floor: Floor) -> None:
    asyncio.run(floor.sweep.round())


def test_a_player_is_removed_when_the_stream_has_gone_on_for_long_enough(floor: Floor) -> None:
    floor.spoke("a-gone", 0, offset=7)
    floor.spoke("b-kept", 1)
    floor.spoke("c-new", KEPT_S)
    sweep(floor)
    assert floor.players() == [b"b-kept", b"c-new"]
    assert floor.outbox.sent == [("unit-standings-changelog", b"a-gone", None, 1)]
    assert floor.outbox.headers == [{"until": b"7"}]
    told = floor.metrics.exposition().decode()
    assert 'chatwarden_values_lapsed_total{table="standings"} 1.0' in told
    assert 'chatwarden_values_kept{table="standings"} 2.0' in told


def test_what_might_be_delivered_again_stays(floor: Floor) -> None:
    floor.spoke("gone", 0, offset=7)
    floor.spoke("new", KEPT_S)
    for known in ({TP(VERDICTS, 1): 7}, {}):
        floor.hold.offsets = known
        sweep(floor)
        assert (floor.players(), floor.outbox.sent) == ([b"gone", b"new"], [])
    floor.hold.offsets = {TP(VERDICTS, 1): 8}
    sweep(floor)
    assert floor.players() == [b"new"]


def test_of_an_entry_only_the_games_that_lapsed_are_removed(floor: Floor) -> None:
    floor.spoke("both", 0, 1, game="chess")
    floor.spoke("both", KEPT_S, 2)
    sweep(floor)
    left = floor.standings.load(1, b"both")
    assert list(read_entry(left).games) == ["default"]
    assert floor.outbox.sent == [("unit-standings-changelog", b"both", left, 1)]
    assert floor.outbox.headers == [{}]


def test_a_channel_stays_while_a_remark_might_be_sent_again(floor: Floor) -> None:
    floor.heard("lobby", 0, source=3, offset=50)
    floor.heard("new", channel.kept_s(LADDERS.default))
    floor.hold.offsets[TP(VERDICTS, 3)] = 50
    sweep(floor)
    assert len(list(floor.channels.kept(1))) == 2
    floor.hold.offsets[TP(VERDICTS, 3)] = 51
    sweep(floor)
    assert [key for key, _ in floor.channels.kept(1)] == [channel_key("default", "new")]
    assert floor.outbox.sent == [("unit-channels-changelog", channel_key("default", "lobby"), None, 1)]


def test_a_player_who_speaks_meanwhile_stays(floor: Floor) -> None:
    floor.spoke("back", 0)
    floor.spoke("new", KEPT_S)
    floor.outbox.meanwhile = lambda: floor.spoke("back", KEPT_S, 9)
    sweep(floor)
    assert floor.players() == [b"back", b"new"]
    # As it is read back: the player's next state went out behind the removal, and in front of it would stay as well.
    removal, state = Change(b"back", None, 0), Change(b"back", floor.standings.load(1, b"back"))
    for order in ((removal, state), (state, removal)):
        floor.standings.absorb(1, order, Place(5, 0))
        assert floor.standings.load(1, b"back") == state.value


def test_another_value_is_not_said_to_have_lapsed(floor: Floor) -> None:
    old, table = floor.spoke("back", 0), floor.sweep.tables.standings
    floor.spoke("back", KEPT_S, 9)
    assert asyncio.run(table.say_lapsed(1, b"back", old, None)) is False
    assert floor.outbox.sent == []


def test_what_was_given_up_is_left_alone(floor: Floor) -> None:
    floor.spoke("gone", 0)
    floor.spoke("new", KEPT_S)
    floor.outbox.meanwhile = lambda: setattr(floor.hold, "now", 2)
    sweep(floor)
    assert floor.players() == [b"gone", b"new"], "said, and left to whoever reads it back"
    floor.hold.now, said = None, len(floor.outbox.sent)
    sweep(floor)
    assert len(floor.outbox.sent) == said


def test_nothing_lapses_by_a_time_that_has_not_come(floor: Floor) -> None:
    floor.spoke("gone", 0)
    floor.spoke("from the future", 366 * 86_400)
    floor.sweep.now = lambda: START.timestamp() + KEPT_S - 1
    sweep(floor)
    assert len(floor.players()) == 2
    floor.sweep.now = lambda: START.timestamp() + KEPT_S
    sweep(floor)
    assert floor.players() == [b"from the future"]


def test_work_is_cut_into_pages_and_kafka_is_asked_once_a_round(floor: Floor) -> None:
    for number in range(2 * PAGE + 10):
        floor.spoke(f"p{number:04d}", 0)
    floor.spoke("a-new", KEPT_S)
    sweep(floor)
    assert floor.players() == [b"a-new"]
    assert floor.hold.asked == 1
    assert floor.pauses == [0.5, 0.5, 0.5 * 11 / PAGE]
    assert floor.sweep._times == {("standings", 1): milliseconds(START) + KEPT_S * 1_000}  # noqa: SLF001 - what it learnt


def test_the_time_is_told_by_what_was_passed_and_known_in_the_next_round(floor: Floor) -> None:
    for number in range(PAGE + 1):
        floor.spoke(f"p{number:04d}", 0)
    floor.spoke("z-new", KEPT_S)
    sweep(floor)
    assert len(floor.players()) == PAGE + 1, "of its page only"
    sweep(floor)
    assert floor.players() == [b"z-new"]


def test_what_cannot_be_read_is_left_to_whoever_reads_it(floor: Floor) -> None:
    floor.standings.save(1, b"broken", b"\x01" + bytes(8) + b"\xc1")
    floor.spoke("gone", 0)
    floor.spoke("new", KEPT_S)
    sweep(floor)
    assert floor.players() == [b"broken", b"new"]
