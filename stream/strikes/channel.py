"""A channel's signals: (channel, remark, rules) to (channel, strikes).  Pure.

A channel's players are spread over the partitions of the verdicts, so what a channel needs of a verdict is forwarded,
keyed by channel, as a ``Remark``.  A remark may arrive twice: its sender repeats what may not have arrived.  Every
sender writes the remarks of a partition in order and without gaps, starting no later than the last one received; so of
each source partition a remark counts if and only if its offset is beyond all before it.

``clock``, ``said``, ``flagged`` and ``shares`` do not depend on the order in which different partitions' remarks
arrive; ``quiet`` and ``issued`` do.
"""

from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

import msgspec

from stream.strikes.issue import Finding, Issued, Subject, issue, remember
from stream.strikes.ladder import Ladder, PileOn, Rules
from stream.strikes.windows import Mark, Marks, admit, find, ids, prune

PATIENCE_S: Final = 600
"""How far apart in event time the partitions' remarks may be, for example during a backlog.  Each remark is judged by
the messages around it, not by those that arrived before it."""
REMARKS_WAIT_S: Final = 86_400
"""Retention of remarks, and so how late they may be."""
BUCKET_MS: Final = 10_000
"""Shares are counted in steps of ten seconds."""
MAX_MARKS: Final = 256
"""In a channel with more than this per window, the newest decide."""

_FAR: Final = 1 << 53
"""Beyond any offset and any time in milliseconds."""

Shares = dict[int, tuple[int, int]]
"""Messages and flagged messages, by the start of a bucket in milliseconds."""


class Remark(msgspec.Struct, frozen=True, gc=False):
    """What a channel needs of a verdict.

    ``partition`` and ``offset`` say where the verdict is; ``at`` is event time in milliseconds.
    """

    partition: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
    offset: Annotated[int, msgspec.Meta(ge=0, lt=_FAR)]
    game_id: str
    channel_id: str
    player_id: str
    verdict_id: str
    at: Annotated[int, msgspec.Meta(gt=-_FAR, lt=_FAR)]
    fingerprint: str
    toxicity: float
    flagged: bool


class Channel(msgspec.Struct, frozen=True, array_like=True):
    """What a channel's verdicts add up to.  Holds no player id: who spoke is a keyed digest."""

    clock: int = 0
    heard: dict[int, int] = {}
    """By partition of the verdicts: the last offset that counted."""
    said: Marks = ()
    flagged: Marks = ()
    shares: Shares = {}
    quiet: dict[str, tuple[int, int]] = {}
    """Start and end of the time in which a rule does not strike again, in event time."""
    issued: tuple[Issued, ...] = ()


class Heard(NamedTuple):
    """A channel after a remark, and the strikes that the remark caused."""

    channel: Channel
    strikes: tuple[Issued, ...]


def hear(channel: Channel, remark: Remark, who: str, rules: Rules) -> Heard:
    """Add one remark; ``who`` is the keyed digest of its player.  A repeated remark changes nothing."""
    if remark.offset <= channel.heard.get(remark.partition, -1):
        return Heard(channel, ())
    ladder = rules.ladder
    after = _observe(channel, remark, who, ladder)
    subject = Subject(remark.game_id, remark.player_id, remark.verdict_id, remark.at)
    quiet, strikes = _settled(channel.quiet, after.clock), []
    findings = {f"raid {remark.fingerprint}": raid(after, remark, ladder), "pile_on": pile_on(after, remark, ladder)}
    for key, finding in findings.items():
        since, until = quiet.get(key, (0, 0))
        if finding is not None and not since <= remark.at < until:
            strikes.append(issue(finding, subject, after.clock, rules))
            quiet[key] = remark.at - finding.cool_down_s * 1_000, finding.quiet_until(remark.at)
    issued = remember(channel.issued, strikes)
    return Heard(msgspec.structs.replace(after, quiet=quiet, issued=issued), tuple(strikes))


def lapses_s(ladder: Ladder) -> int:
    """Return after how many seconds without a remark a channel has lapsed: it then decides like a new one."""
    crowd, leap = ladder.raid, ladder.pile_on
    quiet = max(max(rule.cool_down_s, rule.duration_s or 0) for rule in (crowd, leap))
    return max(crowd.window_s, leap.baseline_s, quiet) + PATIENCE_S


def kept_s(ladder: Ladder) -> int:
    """Return how many seconds after its clock a channel is kept: until it lapses, plus the remarks' retention."""
    return lapses_s(ladder) + REMARKS_WAIT_S


def raid(channel: Channel, remark: Remark, ladder: Ladder) -> Finding | None:
    """Find many players with the text of ``remark``, in a window around it."""
    rule = ladder.raid
    if not rule.enabled or find(channel.said, remark.verdict_id) is None:
        return None
    same = [mark for mark in channel.said if mark.text == remark.fingerprint]
    span = rule.window_s * 1_000
    ends = {mark.at for mark in same if remark.at <= mark.at < remark.at + span}
    crowds = [[mark for mark in same if end - span < mark.at <= end] for end in sorted(ends)]
    crowd = max(crowds, key=_players, default=[])
    if _players(crowd) < rule.players:
        return None
    return Finding("raid", rule.action, rule.duration_s, rule.cool_down_s, float(_players(crowd)), ids(crowd))


def pile_on(channel: Channel, remark: Remark, ladder: Ladder) -> Finding | None:
    """Find a jump in the flagged share: the buckets up to ``remark`` against those before them.

    A new channel jumps from zero.
    """
    rule = ladder.pile_on
    if not rule.enabled or not remark.flagged:
        return None
    edge = remark.at - rule.window_s * 1_000
    recent = _count(channel.shares, edge, remark.at)
    before = _count(channel.shares, remark.at - rule.baseline_s * 1_000, edge)
    if recent.messages < rule.min_messages or recent.share < max(rule.min_share, rule.leap * before.share):
        return None
    marks = [mark for mark in channel.flagged if edge < mark.at <= remark.at]
    if _players(marks) < rule.min_players:
        return None
    return Finding("pile_on", rule.action, rule.duration_s, rule.cool_down_s, recent.share, ids(marks))


class _Count(NamedTuple):
    messages: int
    flagged: int

    @property
    def share(self) -> float:
        return self.flagged / self.messages if self.messages else 0.0


def _count(shares: Shares, after: int, until: int) -> _Count:
    """Add up the buckets that start after ``after`` and not after ``until``."""
    counts = [count for start, count in shares.items() if after < start <= until]
    return _Count(sum(messages for messages, _ in counts), sum(flagged for _, flagged in counts))


def _players(marks: list[Mark]) -> int:
    return len({mark.who for mark in marks})


def _observe(channel: Channel, remark: Remark, who: str, ladder: Ladder) -> Channel:
    clock = max(channel.clock, remark.at)
    crowd, leap = ladder.raid, ladder.pile_on
    said = prune(channel.said, clock, crowd.window_s + PATIENCE_S)
    flagged = prune(channel.flagged, clock, leap.window_s + PATIENCE_S)
    if crowd.enabled and remark.toxicity >= crowd.min_toxicity:
        mark = Mark(remark.at, remark.verdict_id, text=remark.fingerprint, who=who)
        said = admit(said, mark, clock, crowd.window_s + PATIENCE_S, MAX_MARKS)
    if leap.enabled and remark.flagged:
        mark = Mark(remark.at, remark.verdict_id, who=who)
        flagged = admit(flagged, mark, clock, leap.window_s + PATIENCE_S, MAX_MARKS)
    return msgspec.structs.replace(
        channel,
        clock=clock,
        heard={**channel.heard, remark.partition: remark.offset},
        said=said,
        flagged=flagged,
        shares=_counted(channel.shares, remark, clock, leap),
    )


def _counted(shares: Shares, remark: Remark, clock: int, rule: PileOn) -> Shares:
    """Count a remark in its bucket and drop buckets that no baseline needs any more."""
    horizon = clock - (rule.baseline_s + PATIENCE_S) * 1_000
    kept = {start: count for start, count in shares.items() if start > horizon}
    start = remark.at // BUCKET_MS * BUCKET_MS
    if rule.enabled and start > horizon:
        messages, flagged = kept.get(start, (0, 0))
        kept[start] = (messages + 1, flagged + remark.flagged)
    return kept


def _settled(quiet: Mapping[str, tuple[int, int]], clock: int) -> dict[str, tuple[int, int]]:
    """Drop cool-downs that are over, even for the slowest partition."""
    horizon = clock - PATIENCE_S * 1_000
    return {key: times for key, times in quiet.items() if times[1] > horizon}
