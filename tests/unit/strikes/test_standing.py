"""Standings: the ladder, its cool-down and memory, floods and patterns."""

from datetime import timedelta

from schemas.strike import Strike
from schemas.verdict import Verdict
from stream.strikes.ladder import Flood, Ladder, Ladders, Pattern, Rules
from stream.strikes.standing import Standing, excess, fold, points, quantile, toxicity
from tests.support.verdicts import START, a_verdict, an_allowed

RULES = Ladders().of("default")
HOUR, DAY = 3_600.0, 86_400.0


def strikes_of(history: list[Verdict], rules: Rules = RULES) -> list[Strike]:
    return standing_of(history, rules)[1]


def standing_of(history: list[Verdict], rules: Rules = RULES) -> tuple[Standing, list[Strike]]:
    standing, strikes = Standing(), list[Strike]()
    for verdict in history:
        standing, issued = fold(standing, verdict, rules)
        strikes += [Strike.model_validate_json(strike.body) for strike in issued]
    return standing, strikes


def test_offences_climb_from_a_warning_to_a_referral() -> None:
    history = [a_verdict(str(index), index) for index in range(11)]
    strikes = strikes_of(history)
    assert [(strike.action, strike.level) for strike in strikes] == [
        ("warn", 1),
        ("mute", 2),
        ("mute", 3),
        ("refer", 4),
    ]
    lasts = [strike.expires_at and strike.expires_at - strike.at for strike in strikes]
    assert lasts == [None, timedelta(minutes=10), timedelta(days=1), None]
    assert strikes[1].evidence == [verdict.verdict_id for verdict in history[:3]]
    assert strikes[1].at == history[2].sent_at
    assert strikes[1].ladder == RULES.digest
    assert strikes[1].kind == "ladder"


def test_an_offence_loses_half_its_points_in_a_half_life() -> None:
    standing, _ = standing_of([a_verdict("old", severity=3), an_allowed("now", DAY)])
    assert points(standing, RULES.ladder) == 2.0
    standing, _ = standing_of([a_verdict("old", severity=3), an_allowed("now", 7 * DAY)])
    assert points(standing, RULES.ladder) == 0.0


def test_a_flag_weighs_less_than_a_block_and_an_allowed_message_nothing() -> None:
    weights = [standing_of([verdict])[0] for verdict in (a_verdict(), a_verdict(action="flag"), an_allowed())]
    assert [points(standing, RULES.ladder) for standing in weights] == [2.0, 1.0, 0.0]


def test_the_cool_down_holds_back_the_same_step_but_not_a_higher_one() -> None:
    small = {"severity": 0}
    history = [a_verdict("0"), a_verdict("1", 10, **small), a_verdict("2", 59, **small), a_verdict("3", 61, **small)]
    assert [strike.at - START for strike in strikes_of(history)] == [timedelta(seconds=0), timedelta(seconds=61)]
    assert [strike.level for strike in strikes_of([a_verdict("0"), a_verdict("1", 1, severity=4)])] == [1, 2]


def test_no_second_mute_while_the_first_one_runs() -> None:
    history = [a_verdict("0", severity=4), a_verdict("1", 300, severity=0), a_verdict("2", 601, severity=0)]
    assert [strike.level for strike in strikes_of(history)] == [2, 2]


def test_a_late_offence_counts_and_mutes_from_now_and_one_too_late_does_not() -> None:
    late = a_verdict("late", -HOUR, severity=4)
    (strike,) = strikes_of([an_allowed("now"), late])
    assert strike.at == late.sent_at
    assert strike.expires_at == START + timedelta(minutes=10)
    standing, strikes = standing_of([an_allowed("now"), a_verdict("ancient", -8 * DAY, severity=4)])
    assert (strikes, standing.offences) == ([], ())


def test_the_same_verdicts_under_the_same_ladder_give_the_same_id_and_another_ladder_another() -> None:
    history = [a_verdict(str(index), index) for index in range(3)]
    other = Ladders(default=Ladder(cool_down_s=61)).of("default")
    first, again, changed = (strikes_of(history, rules) for rules in (RULES, RULES, other))
    assert [strike.strike_id for strike in first] == [strike.strike_id for strike in again]
    assert not {strike.strike_id for strike in first} & {strike.strike_id for strike in changed}


def test_one_player_repeating_is_a_flood_even_if_harmless() -> None:
    history = [an_allowed(str(index), index, text="buy gold") for index in range(8)]
    (strike,) = strikes_of(history)
    assert (strike.kind, strike.action, strike.points) == ("flood", "mute", 6.0)
    assert strike.evidence == [verdict.verdict_id for verdict in history[:6]]


def test_repeats_spread_over_time_or_texts_are_no_flood() -> None:
    assert strikes_of([an_allowed(str(index), 10 * index, text="gg") for index in range(20)]) == []
    assert strikes_of([an_allowed(str(index), index) for index in range(20)]) == []
    off = Ladders(default=Ladder(flood=Flood(enabled=False))).of("default")
    assert strikes_of([an_allowed(str(index), index, text="gg") for index in range(20)], off) == []


def test_many_mild_messages_add_up_and_a_few_do_not() -> None:
    mild = [an_allowed(str(index), 60 * index, toxicity=0.35) for index in range(12)]
    (strike,) = strikes_of(mild)
    assert (strike.kind, strike.action) == ("pattern", "refer")
    assert strike.evidence == [verdict.verdict_id for verdict in mild[: len(strike.evidence)]]
    assert strikes_of(mild[:7]) == []
    assert strikes_of([an_allowed(str(index), 60 * index, toxicity=0.08) for index in range(50)]) == []


def test_by_percentile_no_single_message_brings_a_pattern_about() -> None:
    rule = Pattern(measure="percentile", percentile=0.75, threshold=1.5, min_messages=8)
    rules = Ladders(default=Ladder(pattern=rule)).of("default")
    faint = [an_allowed(str(index), 60 * index, toxicity=0.12) for index in range(20)]
    assert strikes_of([*faint, an_allowed("loud", 1_201, toxicity=0.9)], rules) == []
    assert [
        strike.kind for strike in strikes_of([an_allowed(str(i), 60 * i, toxicity=0.4) for i in range(9)], rules)
    ] == ["pattern"]


def test_scores_become_excess_by_contrast() -> None:
    assert toxicity({}) == 0.0
    assert toxicity({"non_toxic": 0.25, "insult": 0.75}) == 0.75
    assert toxicity({"insult": 0.4, "threat": 0.1}) == 0.4
    assert excess(0.1, 0.1) == excess(0.0, 0.1) == 0.0
    assert 0 < excess(0.3, 0.1) < excess(0.5, 0.1) < excess(1.0, 0.1) < 10
    assert [quantile([3.0, 1.0, 2.0, 4.0], share) for share in (0.01, 0.5, 0.75, 0.99)] == [1.0, 2.0, 3.0, 4.0]
