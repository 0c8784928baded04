"""A channel's signals: (channel, remark, rules) to (channel, strikes).  Pure.

Players of one channel are spread over the partitions of the verdicts, so what a channel needs of a verdict is sent
on, keyed by channel, as a ``Remark``.  A remark may come twice: its sender repeats what it cannot know to have been
heard.  Every sender writes the remarks of a partition in order and without a hole, from no later than what was
already heard; so of each source partition a remark counts if and only if it lies beyond all before it.

``clock``, ``said``, ``flagged`` and ``shares`` do not depend on the order in which different partitions' remarks
arrive; ``quiet`` and ``issued`` do.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from stream.strikes.issue import Finding, Issued, Subject, issue, remember
from stream.strikes.ladder import Ladder, PileOn, Rules
from stream.strikes.windows import Mark, Marks, admit, find, ids, prune

BUCKET_MS: Final = 10_000
"""Shares are counted in steps of ten seconds."""
MAX_MARKS: Final = 256
"""In a channel busier than this per window, the newest decide."""


Shares = dict[int, tuple[int, int]]
"""Messages and flagged messages, by the start of a bucket in milliseconds."""


class Remark(msgspec.Struct, frozen=True, gc=False):
    """What a channel needs of a verdict.

    ``partition`` and ``offset`` say where the verdict is; ``at`` is event time in milliseconds.
    """

    partition: int
    offset: int
    game_id: str
    channel_id: str
    player_id: str
    verdict_id: str
    at: int
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
    quiet: dict[str, int] = {}
    issued: tuple[Issued, ...] = ()


class Heard(NamedTuple):
    """A channel after a remark, and the strikes that remark brought about."""

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
    findings = {f"raid {remark.fingerprint}": raid(after, remark, ladder), "pile_on": pile_on(after, ladder)}
    for key, finding in findings.items():
        if finding is not None and key not in quiet:
            strikes.append(issue(finding, subject, after.clock, rules))
            quiet = {**quiet, key: finding.quiet_until(after.clock)}
    issued = remember(channel.issued, strikes)
    return Heard(msgspec.structs.replace(after, quiet=quiet, issued=issued), tuple(strikes))


def raid(channel: Channel, remark: Remark, ladder: Ladder) -> Finding | None:
    """Find many players saying what ``remark`` says."""
    rule = ladder.raid
    if not rule.enabled or find(channel.said, remark.verdict_id) is None:
        return None
    same = [mark for mark in channel.said if mark.text == remark.fingerprint]
    players = len({mark.who for mark in same})
    if players < rule.players:
        return None
    return Finding("raid", rule.action, rule.duration_s, rule.cool_down_s, float(players), ids(same))


def pile_on(channel: Channel, ladder: Ladder) -> Finding | None:
    """Find the flagged share leaping: recent buckets against those before them.  A new channel leaps from zero."""
    rule = ladder.pile_on
    if not rule.enabled:
        return None
    recent, baseline = _shares(channel, rule)
    if recent.messages < rule.min_messages or recent.share < rule.min_share:
        return None
    if recent.share < rule.leap * baseline.share:
        return None
    marks = prune(channel.flagged, channel.clock, rule.window_s)
    if len({mark.who for mark in marks}) < rule.min_players:
        return None
    return Finding("pile_on", rule.action, rule.duration_s, rule.cool_down_s, recent.share, ids(marks))


class _Count(NamedTuple):
    messages: int
    flagged: int

    @property
    def share(self) -> float:
        return self.flagged / self.messages if self.messages else 0.0


def _shares(channel: Channel, rule: PileOn) -> tuple[_Count, _Count]:
    """Count the recent buckets, and those before them."""
    edge = channel.clock - rule.window_s * 1_000
    recent = [count for start, count in channel.shares.items() if start > edge]
    before = [count for start, count in channel.shares.items() if start <= edge]
    return _add(recent), _add(before)


def _add(counts: list[tuple[int, int]]) -> _Count:
    return _Count(sum(messages for messages, _ in counts), sum(flagged for _, flagged in counts))


def _observe(channel: Channel, remark: Remark, who: str, ladder: Ladder) -> Channel:
    clock = max(channel.clock, remark.at)
    said = prune(channel.said, clock, ladder.raid.window_s)
    flagged = prune(channel.flagged, clock, ladder.pile_on.window_s)
    if ladder.raid.enabled and remark.toxicity >= ladder.raid.min_toxicity:
        mark = Mark(remark.at, remark.verdict_id, text=remark.fingerprint, who=who)
        said = admit(said, mark, clock, ladder.raid.window_s, MAX_MARKS)
    if ladder.pile_on.enabled and remark.flagged:
        mark = Mark(remark.at, remark.verdict_id, who=who)
        flagged = admit(flagged, mark, clock, ladder.pile_on.window_s, MAX_MARKS)
    return msgspec.structs.replace(
        channel,
        clock=clock,
        heard={**channel.heard, remark.partition: remark.offset},
        said=said,
        flagged=flagged,
        shares=_counted(channel.shares, remark, clock, ladder.pile_on),
    )


def _counted(shares: Shares, remark: Remark, clock: int, rule: PileOn) -> Shares:
    """Count a remark in its bucket and drop the buckets that have left the baseline."""
    horizon = clock - rule.baseline_s * 1_000
    kept = {start: count for start, count in shares.items() if start > horizon}
    start = remark.at // BUCKET_MS * BUCKET_MS
    if rule.enabled and start > horizon:
        messages, flagged = kept.get(start, (0, 0))
        kept[start] = (messages + 1, flagged + remark.flagged)
    return kept


def _settled(quiet: Mapping[str, int], clock: int) -> dict[str, int]:
    """Drop what is no longer quiet."""
    return {key: until for key, until in quiet.items() if until > clock}
