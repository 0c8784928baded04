"""Laws of what lapses: whether, when and how often it is removed makes no difference to what comes after.

A verdict may be late by as much as a standing is kept for longer than it lapses, a remark by a day.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stream.strikes import channel, standing
from stream.strikes.channel import Channel
from stream.strikes.issue import Issued, milliseconds
from stream.strikes.ladder import Flood, Ladder, Ladders, Pattern, PileOn, Raid, Rung
from stream.strikes.lapse import lapsed, look_at_channel, look_at_entry, spans
from stream.strikes.tally import channel_key, read_channel, remark_of, tally_remark, tally_verdict, without
from tests.support.verdicts import START, a_verdict, an_allowed

RUNGS = (Rung(points=1, action="warn"), Rung(points=4, action="mute", duration_s=900))
BASE = Ladder(
    window_s=600,
    half_life_s=300,
    rungs=RUNGS,
    flood=Flood(window_s=60, repeats=3),
    pattern=Pattern(window_s=500, min_messages=3, threshold=3.0, cool_down_s=700),
    raid=Raid(window_s=120, players=2),
    pile_on=PileOn(window_s=60, baseline_s=600, min_messages=4, min_players=2),
)
SLOW = BASE.model_copy(update={"window_s": 1_300})
LADDERS = Ladders(default=BASE, games={"slow": SLOW})
LATE_S = min(standing.kept_s(ladder) - standing.lapses_s(ladder) for ladder in (BASE, SLOW))
KEPT = Callable[[Ladder], int]


@dataclass(frozen=True)
class Step:
    """One verdict: how long after the latest one before it, or how late; and whether there is a sweep after it."""

    gap_s: int
    late_s: int
    name: str
    player: str
    game: str
    text: str
    toxic: float | None
    severity: int
    sweep: bool


def steps(gaps: st.SearchStrategy[int], latest_s: int) -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        gap_s=gaps,
        late_s=st.just(0) | st.integers(0, latest_s),
        name=st.integers(0, 30).map(str),
        player=st.sampled_from("pq"),
        game=st.sampled_from(("default", "slow")),
        text=st.sampled_from("st"),
        toxic=st.sampled_from((None, 0.02, 0.4)),
        severity=st.integers(1, 4),
        sweep=st.booleans(),
    )
    return st.lists(step, max_size=30)


verdict_steps = steps(st.integers(0, 60) | st.integers(0, 3_000), LATE_S)
remark_steps = steps(st.integers(0, 60) | st.integers(0, 3_000) | st.integers(80_000, 200_000), 86_400)


@dataclass
class Course:
    """A partition: what is stored by key, the strikes so far, the latest event time in seconds after the start."""

    now_s: int = 0
    stored: dict[str, bytes] = field(default_factory=dict)
    strikes: list[Issued] = field(default_factory=list)

    def verdict(self, offset: int, step: Step) -> None:
        """Tally a verdict, as the worker does."""
        self.now_s = max(self.now_s, self.now_s + step.gap_s - step.late_s)
        after_s = self.now_s - step.late_s
        given = {"text": step.text, "player_id": step.player, "channel_id": "c", "game_id": step.game}
        if step.toxic is None:
            verdict = a_verdict(step.name, after_s, severity=step.severity, **given)
        else:
            verdict = an_allowed(step.name, after_s, toxicity=step.toxic, **given)
        tallied = tally_verdict(self.stored.get(step.player), offset, verdict, LADDERS)
        self.keep(step.player, tallied.value, tallied.strikes)

    def remark(self, offset: int, step: Step) -> None:
        """Tally a remark, as the worker does; three partitions of verdicts lead here."""
        self.now_s = max(self.now_s, self.now_s + step.gap_s - step.late_s)
        given = {"text": step.text, "player_id": f"{step.player}{offset % 2}", "game_id": step.game}
        verdict = an_allowed(f"{offset}", self.now_s - step.late_s, toxicity=step.toxic or 0.9, **given)
        if step.toxic is None:
            verdict = a_verdict(f"{offset}", self.now_s - step.late_s, **given)
        remark, key = remark_of(verdict, offset % 3, offset, LADDERS), channel_key(step.game, "c").decode()
        tallied = tally_remark(self.stored.get(key), offset, remark, remark.player_id, LADDERS)
        self.keep(key, tallied.value, tallied.strikes)

    def keep(self, key: str, value: bytes | None, strikes: tuple[Issued, ...]) -> None:
        assert value is not None
        self.stored[key] = value
        self.strikes += strikes

    def sweep_entries(self, kept_s: KEPT = standing.kept_s) -> None:
        """Remove what has lapsed of players."""
        at = milliseconds(START) + self.now_s * 1_000
        for key, value in list(self.stored.items()):
            games = lapsed(look_at_entry(key.encode(), value), at, spans(LADDERS, kept_s))
            left = without(value, games)
            if left is None:
                del self.stored[key]
            else:
                self.stored[key] = left

    def sweep_channels(self, kept_s: KEPT = channel.kept_s) -> None:
        """Remove the channels that have lapsed."""
        at = milliseconds(START) + self.now_s * 1_000
        for key, value in list(self.stored.items()):
            if lapsed(look_at_channel(key.encode(), value), at, spans(LADDERS, kept_s)):
                del self.stored[key]


def compare_entries(history: list[Step], kept_s: KEPT = standing.kept_s) -> None:
    """Tally with and without sweeps: the same strikes, and the same bytes stored but for what has lapsed."""
    swept, plain = Course(), Course()
    for offset, step in enumerate(history):
        swept.verdict(offset, step)
        plain.verdict(offset, step)
        assert swept.strikes == plain.strikes
        if step.sweep:
            swept.sweep_entries(kept_s)
    for course in (swept, plain):
        course.sweep_entries()
    assert swept.stored == plain.stored


def compare_channels(history: list[Step], kept_s: KEPT = channel.kept_s) -> None:
    """Tally with and without sweeps: the same strikes, and the same channels but for what has lapsed or was guarded."""
    swept, plain = Course(), Course()
    for offset, step in enumerate(history):
        swept.remark(offset, step)
        plain.remark(offset, step)
        assert swept.strikes == plain.strikes
        if step.sweep:
            swept.sweep_channels(kept_s)
    for course in (swept, plain):
        course.sweep_channels()
    assert {key: deciding(value) for key, value in swept.stored.items()} == {
        key: deciding(value) for key, value in plain.stored.items()
    }


def deciding(stored: bytes) -> tuple[object, ...]:
    """Return what of a channel decides."""
    found: Channel = read_channel(stored)
    return found.clock, found.said, found.flagged, found.shares, found.quiet


@settings(max_examples=200)
@given(verdict_steps)
def test_standings_that_lapsed_may_be_removed_at_any_time_or_never(history: list[Step]) -> None:
    compare_entries(history)


@settings(max_examples=200)
@given(remark_steps)
def test_channels_that_lapsed_may_be_removed_at_any_time_or_never(history: list[Step]) -> None:
    compare_channels(history)


@pytest.mark.parametrize(
    ("compare", "history", "kept_s"),
    [
        (compare_entries, verdict_steps, lambda ladder: standing.lapses_s(ladder) // 2),
        (compare_channels, remark_steps, lambda ladder: ladder.pile_on.cool_down_s // 2),
    ],
)
def test_the_laws_catch_a_sweep_that_comes_too_early(
    compare: Callable[[list[Step], KEPT], None], history: st.SearchStrategy[list[Step]], kept_s: KEPT
) -> None:
    law = settings(max_examples=2_000, phases=[Phase.generate], database=None)(
        given(history)(lambda found: compare(found, kept_s))
    )
    with pytest.raises(AssertionError):
        law()
