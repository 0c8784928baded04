"""Laws of standings and channels: what order, repetition and grouping may change, and what not."""

import random
from datetime import timedelta
from itertools import pairwise

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.strike import Strike
from schemas.verdict import Verdict
from stream.strikes.channel import Channel, Remark, hear
from stream.strikes.issue import Issued
from stream.strikes.ladder import Flood, Ladder, Ladders, Pattern, PileOn, Raid
from stream.strikes.standing import Standing, fold, points
from stream.strikes.tally import Change, newer, read_channel, read_entry, remark_of, tally_remark, tally_verdict
from tests.support.verdicts import START, a_verdict, an_allowed

LADDERS = Ladders(
    default=Ladder(
        window_s=3_600,
        half_life_s=600,
        flood=Flood(window_s=60, repeats=3),
        pattern=Pattern(window_s=1_800, min_messages=3, threshold=3.0),
        raid=Raid(window_s=120, players=2),
        pile_on=PileOn(window_s=60, baseline_s=600, min_messages=4, min_players=2),
    )
)
RULES = LADDERS.of("default")


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """One of few ids, so that some come twice; times up to twice the longest window."""
    name = str(draw(st.integers(0, 30)))
    after_s = draw(st.integers(0, 7_200) | st.integers(0, 120))
    given = {"text": f"t{draw(st.integers(0, 2))}", "player_id": "p", "channel_id": "c"}
    if draw(st.booleans()):
        return an_allowed(name, after_s, toxicity=draw(st.sampled_from((0.01, 0.2, 0.4))), **given)
    return a_verdict(
        name, after_s, action=draw(st.sampled_from(("flag", "block"))), severity=draw(st.integers(0, 4)), **given
    )


histories = st.lists(verdicts(), max_size=40)


def folded(history: list[Verdict], standing: Standing | None = None) -> tuple[Standing, list[Issued]]:
    standing, strikes = standing or Standing(), list[Issued]()
    for verdict in history:
        standing, issued = fold(standing, verdict, RULES)
        strikes += issued
    return standing, strikes


def unordered(standing: Standing) -> tuple[object, ...]:
    return standing.clock, standing.offences, standing.murmurs, standing.messages


@settings(max_examples=80)
@given(histories, st.randoms(use_true_random=False))
def test_windows_and_points_depend_on_no_order_and_no_repetition(history: list[Verdict], chance: random.Random) -> None:
    shuffled = history + chance.choices(history, k=len(history) // 2) if history else []
    chance.shuffle(shuffled)
    once, again = folded(history)[0], folded(shuffled)[0]
    assert unordered(once) == unordered(again)
    assert points(once, RULES.ladder) == points(again, RULES.ladder)


@settings(max_examples=60)
@given(histories, st.integers(0, 40), st.integers(0, 40))
def test_batches_of_any_size_give_the_same_standing_and_strikes(history: list[Verdict], one: int, two: int) -> None:
    cuts = [0, *sorted((min(one, len(history)), min(two, len(history)))), len(history)]
    standing, strikes = Standing(), list[Issued]()
    for start, end in pairwise(cuts):
        stored = msgspec.msgpack.encode(standing)  # between batches a standing is bytes
        standing, issued = folded(history[start:end], msgspec.msgpack.decode(stored, type=Standing))
        strikes += issued
    assert (standing, strikes) == folded(history)


@settings(max_examples=60)
@given(histories)
def test_a_verdict_strikes_at_most_once_and_is_evidence_at_most_once(history: list[Verdict]) -> None:
    _, issued = folded(history + history)
    strikes = [Strike.model_validate_json(one.body) for one in issued]
    assert len({strike.strike_id for strike in strikes}) == len(strikes)
    for one, strike in zip(issued, strikes, strict=True):
        assert len(set(strike.evidence)) == len(strike.evidence)
        assert one.cause in strike.evidence
    causes = [(one.cause, strike.kind) for one, strike in zip(issued, strikes, strict=True)]
    assert len(set(causes)) == len(causes)


@settings(max_examples=60)
@given(histories, st.data())
def test_delivery_again_from_any_earlier_point_changes_no_entry_and_repeats_its_strikes(
    history: list[Verdict], data: st.DataObject
) -> None:
    stored: bytes | None = None
    heard: dict[int, list[Issued]] = {}
    for offset, verdict in enumerate(history):
        tallied = tally_verdict(stored, offset, verdict, LADDERS)
        stored = tallied.value or stored
        heard[offset] = list(tallied.strikes)
    back = data.draw(st.integers(0, len(history)))
    remembered = read_entry(stored).games["default"].issued if stored else ()
    for offset in range(back, len(history)):
        again = tally_verdict(stored, offset, history[offset], LADDERS)
        assert again.value is None
        for strike in heard[offset]:
            assert strike in again.strikes or strike not in remembered


def remarks(history: list[Verdict], partitions: int) -> list[Remark]:
    return [
        remark_of(verdict.model_copy(update={"player_id": f"p{index % 5}"}), index % partitions, index, LADDERS)
        for index, verdict in enumerate(history)
    ]


def listened(said: list[Remark]) -> tuple[Channel, list[Issued]]:
    channel, strikes = Channel(), list[Issued]()
    for remark in said:
        channel, issued = hear(channel, remark, remark.player_id, RULES)
        strikes += issued
    return channel, strikes


@settings(max_examples=60)
@given(histories, st.lists(st.integers(0, 40), max_size=4))
def test_senders_that_begin_again_where_all_was_heard_change_no_channel(
    history: list[Verdict], ends: list[int]
) -> None:
    """A sender killed at any point is followed by one that starts no later than what is committed."""
    said = remarks(history, 1)
    sent, committed = list[Remark](), 0
    for end in ends:
        reached = min(max(committed, end), len(said))
        sent += said[committed:reached]
        committed = (committed + reached) // 2
    sent += said[committed:]
    assert listened(sent) == listened(said)


@settings(max_examples=60)
@given(histories, st.randoms(use_true_random=False))
def test_partitions_may_interleave_in_any_way(history: list[Verdict], chance: random.Random) -> None:
    said = remarks(history, 3)
    queues = [[remark for remark in said if remark.partition == number] for number in range(3)]
    mixed = []
    while any(queues):
        mixed.append(chance.choice([queue for queue in queues if queue]).pop(0))
    one, other = listened(said)[0], listened(mixed)[0]
    assert (one.clock, one.heard, one.said, one.flagged, one.shares) == (
        other.clock,
        other.heard,
        other.said,
        other.flagged,
        other.shares,
    )


@given(histories.filter(bool))
def test_of_two_stored_states_the_later_stays(history: list[Verdict]) -> None:
    states, stored = list[bytes](), None
    for offset, remark in enumerate(remarks(history, 2)):
        stored = tally_remark(stored, offset, remark, "who", LADDERS).value
        assert stored is not None
        states.append(stored)
    kept: bytes | None = None
    for state in (*reversed(states), *states):
        kept = state if newer(kept, Change(b"c", state)) else kept
    assert kept == states[-1]
    assert read_channel(kept).heard


@given(st.integers(-1_000, 1_000))
def test_a_clock_that_runs_ahead_is_held_back(minutes: int) -> None:
    verdict = a_verdict().model_copy(update={"sent_at": START + timedelta(minutes=minutes)})
    standing = fold(Standing(), verdict, RULES).standing
    limit = int(START.timestamp() + RULES.ladder.max_skew_s) * 1_000
    assert standing.clock <= limit
