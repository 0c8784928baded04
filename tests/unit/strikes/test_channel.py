"""Channels: raids and pile-ons."""

import zlib
from typing import Any

import pytest

from schemas.strike import Strike
from schemas.verdict import Verdict
from stream.strikes.channel import Channel, hear
from stream.strikes.ladder import Ladders
from stream.strikes.tally import pseudonyms, remark_of
from tests.support.verdicts import a_history, a_verdict, an_allowed

LADDERS = Ladders()


def heard(history: list[Verdict]) -> tuple[Channel, list[Strike]]:
    channel, strikes = Channel(), list[Strike]()
    who = pseudonyms(b"key")
    for offset, verdict in enumerate(history):
        remark = remark_of(verdict, 0, offset, LADDERS)
        channel, issued = hear(channel, remark, who(remark.player_id), LADDERS.of("default"))
        strikes += [Strike.model_validate_json(strike.body) for strike in issued]
    return channel, strikes


def said_by(players: int, text: str, **fields: Any) -> list[Verdict]:
    return [an_allowed(f"{text}{index}", index, text=text, player_id=f"p{index}", **fields) for index in range(players)]


def test_many_players_with_one_text_are_a_raid() -> None:
    history = said_by(9, "join our stream", toxicity=0.3)
    channel, (strike,) = heard(history)
    assert (strike.kind, strike.action, strike.points) == ("raid", "refer", 6.0)
    assert strike.player_id == "p5"
    assert strike.evidence == [verdict.verdict_id for verdict in history[:6]]
    assert "p5" not in {mark.who for mark in channel.said}


def test_a_lobby_that_says_good_game_is_no_raid() -> None:
    assert heard(said_by(30, "gg"))[1] == []
    one = [an_allowed(str(index), index, text="x", toxicity=0.3) for index in range(20)]
    assert heard(one)[1] == []


def test_a_raid_is_found_though_one_partition_is_minutes_behind() -> None:
    ahead, behind = said_by(3, "raid", toxicity=0.3), said_by(6, "raid", toxicity=0.3)[3:]
    later = [an_allowed(str(index), 60 + 10 * index, toxicity=0.3) for index in range(50)]
    _, (strike,) = heard(ahead + later + behind)
    assert (strike.kind, strike.points) == ("raid", 6.0)
    assert set(strike.evidence) == {verdict.verdict_id for verdict in ahead + behind}


@pytest.mark.parametrize("apart_s", [60, 300, 600])
def test_partitions_apart_find_what_an_orderly_reading_finds(apart_s: int) -> None:
    history = [verdict.model_copy(update={"channel_id": "one"}) for verdict in a_history(1_500, 200, 5)]

    def found(apart: float) -> list[tuple[str, str]]:
        numbers = [zlib.crc32(verdict.player_id.encode()) % 4 for verdict in history]
        order = sorted(range(len(history)), key=lambda index: (0.5 * index + apart * numbers[index] / 3, index))
        channel, kinds = Channel(), []
        for index in order:
            remark = remark_of(history[index], numbers[index], index, LADDERS)
            channel, issued = hear(channel, remark, remark.player_id, LADDERS.of("default"))
            strikes = [Strike.model_validate_json(strike.body) for strike in issued]
            kinds += [(strike.kind, remark.fingerprint if strike.kind == "raid" else "") for strike in strikes]
        return sorted(kinds)

    assert found(apart_s) == found(0)
    assert {"raid"} <= {kind for kind, _ in found(0)}


def test_one_text_over_a_long_time_is_no_raid() -> None:
    slow = [an_allowed(str(index), 30 * index, text="x", toxicity=0.3, player_id=f"p{index}") for index in range(20)]
    assert heard(slow)[1] == []
    assert heard(slow[::-1])[1] == []


def test_two_texts_are_two_raids() -> None:
    _, strikes = heard(said_by(6, "one", toxicity=0.3) + said_by(6, "two", toxicity=0.3))
    assert [strike.kind for strike in strikes] == ["raid", "raid"]


def calm(messages: int) -> list[Verdict]:
    return [an_allowed(f"calm{index}", 2 * index, player_id=f"p{index % 9}") for index in range(messages)]


def storm(start_s: float, players: int = 9) -> list[Verdict]:
    return [a_verdict(f"storm{index}", start_s + index, player_id=f"p{index % players}") for index in range(30)]


def test_a_leap_of_the_flagged_share_is_a_pile_on() -> None:
    _, strikes = heard(calm(200) + storm(400))
    (strike,) = [strike for strike in strikes if strike.kind == "pile_on"]
    assert strike.points >= 0.3
    assert all(verdict_id in {verdict.verdict_id for verdict in storm(400)} for verdict_id in strike.evidence)


def test_a_rough_channel_that_stays_rough_is_no_pile_on() -> None:
    rough = [
        a_verdict(str(index), 2 * index, player_id=f"p{index % 9}")
        if index % 3 == 0
        else an_allowed(str(index), 2 * index, player_id=f"p{index % 9}")
        for index in range(400)
    ]
    _, strikes = heard(rough)
    assert [strike for strike in strikes[1:] if strike.kind == "pile_on"] == []


def test_one_angry_player_is_no_pile_on() -> None:
    assert [strike.kind for strike in heard(calm(200) + storm(400, players=2))[1]] == []
