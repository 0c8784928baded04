"""What a record does to what is stored: the guard, the memory of strikes, the frame."""

import json
from datetime import timedelta

import pytest

from schemas.codec import decode_verdict
from schemas.dead_letter import Rejection
from schemas.verdict import Verdict
from stream.strikes.issue import MEMORY, held, milliseconds
from stream.strikes.ladder import Ladder, Ladders, Rung
from stream.strikes.tally import (
    Change,
    channel_key,
    newer,
    pseudonyms,
    read_entry,
    remark_of,
    stored_offset,
    tally_remark,
    tally_verdict,
)
from tests.support.verdicts import START, a_verdict, an_allowed

LADDERS = Ladders()


def test_a_known_record_is_said_again_with_its_strikes() -> None:
    first = tally_verdict(None, 5, a_verdict(), LADDERS)
    assert first.value is not None
    assert len(first.strikes) == 1
    again = tally_verdict(first.value, 5, a_verdict(), LADDERS)
    assert again == (None, first.strikes, False)
    assert stored_offset(first.value) == 5
    assert tally_verdict(first.value, 4, a_verdict("other"), LADDERS) == (None, (), False)


@pytest.mark.parametrize(
    ("ahead_s", "written", "kept_s"), [(3_600, 5_000, 5), (3_600, 0, 3_600), (3_600, -1, 3_600), (0, 5_000, 0)]
)
def test_a_decision_is_held_to_its_record_where_that_has_a_time(ahead_s: int, written: int, kept_s: int) -> None:
    start = milliseconds(START)
    verdict = a_verdict(decided_at=START + timedelta(seconds=ahead_s))
    kept = held(verdict, start + written if written > 0 else written)
    assert milliseconds(kept.decided_at) == start + kept_s * 1_000
    assert kept.model_copy(update={"decided_at": verdict.decided_at}) == verdict


def test_games_of_one_player_are_apart() -> None:
    stored = tally_verdict(None, 0, a_verdict(), LADDERS).value
    stored = tally_verdict(stored, 1, a_verdict("b", game_id="chess"), LADDERS).value
    games = read_entry(stored).games
    assert sorted(games) == ["chess", "default"]
    assert [len(standing.offences) for standing in games.values()] == [1, 1]


def test_a_strike_that_leaves_the_memory_is_announced() -> None:
    eager = Ladders(default=Ladder(rungs=(Rung(points=0.1, action="warn"),), cool_down_s=1))
    stored, forgets = None, []
    for offset in range(MEMORY + 2):
        tallied = tally_verdict(stored, offset, a_verdict(str(offset), 2 * offset), eager)
        assert len(tallied.strikes) == 1
        stored = tallied.value
        forgets.append(tallied.forgets)
    assert forgets == [False] * MEMORY + [True] * 2
    assert len(read_entry(stored).games["default"].issued) == MEMORY


def test_a_repeated_remark_is_stored_as_read_but_does_not_count() -> None:
    remark = remark_of(a_verdict(), 3, 17, LADDERS)
    once = tally_remark(None, 0, remark, "who", LADDERS)
    twice = tally_remark(once.value, 1, remark, "who", LADDERS)
    assert once.value is not None
    assert twice.value is not None
    assert once.value[9:] == twice.value[9:]
    assert (stored_offset(once.value), stored_offset(twice.value)) == (0, 1)
    assert newer(once.value, Change(b"c", twice.value))
    assert not newer(twice.value, Change(b"c", once.value))


def test_a_known_remark_is_said_again_with_its_strikes() -> None:
    said = [an_allowed(str(index), index, text="raid", toxicity=0.3, player_id=f"p{index}") for index in range(6)]
    stored: bytes | None = None
    for offset, verdict in enumerate(said):
        tallied = tally_remark(stored, offset, remark_of(verdict, 0, offset, LADDERS), f"p{offset}", LADDERS)
        stored = tallied.value
    assert [strike.cause for strike in tallied.strikes] == [said[-1].verdict_id]
    again = tally_remark(stored, 5, remark_of(said[-1], 0, 5, LADDERS), "p5", LADDERS)
    assert again == (None, tallied.strikes, False)


def test_a_value_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 9"):
        stored_offset(b"\x09" + bytes(8))


def test_channels_of_two_games_never_share_a_key() -> None:
    assert channel_key("a", 'b","c') != channel_key('a","b', "c")


def test_pseudonyms_depend_on_the_key() -> None:
    one, other = pseudonyms(b"one"), pseudonyms(b"other")
    assert one("p") == one("p") != other("p")
    assert one("p") != one("q")


def verdict_json(**changes: object) -> bytes:
    document = json.loads(a_verdict().model_dump_json()) | changes
    return json.dumps({name: value for name, value in document.items() if value is not ...}).encode()


def test_a_verdict_reads_back_as_written() -> None:
    assert decode_verdict(a_verdict().model_dump_json().encode()) == a_verdict()
    assert isinstance(decode_verdict(verdict_json(news="ignored")), Verdict)


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        (None, "null_value"),
        (b"", "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b"[]", "not_an_object"),
        (b"[" * 50_000, "too_deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep"),
        (b"{}", "missing_field"),
        (verdict_json(action="shrug"), "invalid_field"),
        (verdict_json(severity=9), "invalid_field"),
        (verdict_json(sent_at="yesterday"), "invalid_field"),
        (verdict_json(player_id="\ud800"), "invalid_field"),
        (verdict_json(game_id="g" * 257), "invalid_field"),
        (b"x" * 1_048_577, "too_large"),
    ],
)
def test_what_is_no_verdict_comes_back_with_its_cause(raw: bytes | None, cause: str) -> None:
    rejection = decode_verdict(raw)
    assert isinstance(rejection, Rejection)
    assert rejection.cause == cause
