"""A player's standing in one game: (standing, verdict, rules) to (standing, strikes).  Pure.

Which parts depend on the order in which verdicts arrive:

- ``clock``, ``offences``, ``murmurs`` and ``messages``, and so a player's points, do not: the same verdicts give the
  same four in any order, repeated or not, however they are batched.
- ``level``, ``quiet`` and ``issued`` do: a strike reflects what was known when it was issued, and is not taken back.
  Kafka keeps the order of a player's verdicts, so the same log gives the same strikes.
"""

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from schemas.taxonomy import NON_TOXIC
from schemas.verdict import Verdict
from stream.strikes.issue import Finding, Issued, Subject, event_time, issue, remember
from stream.strikes.ladder import Ladder, Rules
from stream.strikes.windows import Mark, Marks, admit, find, ids, prune

MAX_OFFENCES: Final = 200
MAX_MURMURS: Final = 100
_CERTAIN: Final = 0.999
"""Scores are published on a grid of 0.001; at 0 and 1 log-odds are infinite."""


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """What one player's verdicts in one game add up to."""

    clock: int = 0
    """Latest event time seen, in milliseconds."""
    offences: Marks = ()
    """Flagged and blocked messages, with their points."""
    murmurs: Marks = ()
    """Allowed messages that are mildly toxic, with their excess."""
    messages: Marks = ()
    """The last few messages, by fingerprint."""
    level: int = 0
    """The step last taken."""
    quiet: dict[str, int] = {}
    """When a rule may strike again, in event time."""
    issued: tuple[Issued, ...] = ()


class Folded(NamedTuple):
    """A standing after a verdict, and the strikes that the verdict caused."""

    standing: Standing
    strikes: tuple[Issued, ...]


def fold(standing: Standing, verdict: Verdict, rules: Rules) -> Folded:
    """Add one verdict.  A verdict that is known, or older than every window, changes only the clock."""
    ladder = rules.ladder
    at = event_time(verdict, ladder.max_skew_s)
    if at - standing.clock >= lapses_s(ladder) * 1_000:
        # Whether it has been removed by now must make no difference, not even to the stored state.
        standing = Standing()
    after = _observe(standing, verdict, at, ladder)
    subject = Subject(verdict.game_id, verdict.player_id, verdict.verdict_id, at)
    quiet, level, strikes = standing.quiet, standing.level, []
    for rule in (climb, flood, pattern):
        finding = rule(standing, after, verdict, ladder)
        if finding is not None:
            strikes.append(issue(finding, subject, after.clock, rules))
            quiet = {**quiet, finding.kind: finding.quiet_until(after.clock)}
            level = finding.level or level
    if not strikes:
        return Folded(after, ())
    issued = remember(standing.issued, strikes)
    return Folded(msgspec.structs.replace(after, level=level, quiet=quiet, issued=issued), tuple(strikes))


def lapses_s(ladder: Ladder) -> int:
    """Return after how many seconds without a verdict a standing has lapsed: it then decides like a new one."""
    return max(_longest_window_s(ladder), _longest_quiet_s(ladder))


def kept_s(ladder: Ladder) -> int:
    """Return how many seconds after its clock a standing is kept.

    Longer than it takes to lapse, so that a verdict late by the difference (the shorter of the two) still finds it.
    """
    return _longest_window_s(ladder) + _longest_quiet_s(ladder)


def points(standing: Standing, ladder: Ladder) -> float:
    """Add up a standing's offences, each halved for every half-life of its age at the standing's clock."""
    half_life = ladder.half_life_s * 1_000
    return math.fsum(mark.weight * 2.0 ** ((mark.at - standing.clock) / half_life) for mark in standing.offences)


def toxicity(scores: Mapping[str, float]) -> float:
    """Return one minus the probability of ``non_toxic``; 0 for a message that passed unscored."""
    if NON_TOXIC in scores:
        return 1.0 - scores[NON_TOXIC]
    return max(scores.values(), default=0.0)


def excess(score: float, floor: float) -> float:
    """Return by how much the log-odds of a score exceed those of ``floor``; at least 0."""
    bounded = min(max(score, 1.0 - _CERTAIN), _CERTAIN)
    return max(0.0, math.log(bounded / (1.0 - bounded)) - math.log(floor / (1.0 - floor)))


def climb(before: Standing, after: Standing, verdict: Verdict, ladder: Ladder) -> Finding | None:
    """Take a step of the ladder, on a new offence only."""
    if not _fresh(before.offences, after.offences, verdict.verdict_id):
        return None
    total = points(after, ladder)
    level = sum(rung.points <= total for rung in ladder.rungs)
    quiet = after.clock < before.quiet.get("ladder", after.clock)
    if level == 0 or (quiet and level <= before.level):
        return None
    rung = ladder.rungs[level - 1]
    return Finding("ladder", rung.action, rung.duration_s, ladder.cool_down_s, total, ids(after.offences), level)


def flood(before: Standing, after: Standing, verdict: Verdict, ladder: Ladder) -> Finding | None:
    """Find a player who repeats one text."""
    rule = ladder.flood
    if not rule.enabled or after.clock < before.quiet.get("flood", after.clock):
        return None
    if not _fresh(before.messages, after.messages, verdict.verdict_id):
        return None
    same = [mark for mark in after.messages if mark.text == verdict.fingerprint]
    if len(same) < rule.repeats:
        return None
    return Finding("flood", rule.action, rule.duration_s, rule.cool_down_s, float(len(same)), ids(same))


def pattern(before: Standing, after: Standing, verdict: Verdict, ladder: Ladder) -> Finding | None:
    """Find mildly toxic messages that add up."""
    rule = ladder.pattern
    marks = after.murmurs
    if not rule.enabled or len(marks) < rule.min_messages or after.clock < before.quiet.get("pattern", after.clock):
        return None
    if not _fresh(before.murmurs, marks, verdict.verdict_id):
        return None
    weights = [mark.weight for mark in marks]
    measured = math.fsum(weights) if rule.measure == "sum" else quantile(weights, rule.percentile)
    if measured < rule.threshold:
        return None
    return Finding("pattern", rule.action, rule.duration_s, rule.cool_down_s, measured, ids(marks))


def quantile(weights: list[float], share: float) -> float:
    """Return the smallest weight that at least ``share`` of the weights do not exceed."""
    return sorted(weights)[math.ceil(share * len(weights)) - 1]


def _observe(standing: Standing, verdict: Verdict, at: int, ladder: Ladder) -> Standing:
    """Add a verdict to the windows it belongs in."""
    clock = max(standing.clock, at)
    offences = prune(standing.offences, clock, ladder.window_s)
    murmurs = prune(standing.murmurs, clock, ladder.pattern.window_s)
    verdict_id = verdict.verdict_id
    weight = _points(verdict, ladder)
    if weight > 0:
        offences = admit(offences, Mark(at, verdict_id, weight), clock, ladder.window_s, MAX_OFFENCES)
    contrast = excess(toxicity(verdict.scores), ladder.pattern.floor) if verdict.action == "allow" else 0.0
    if contrast > 0:
        mark = Mark(at, verdict_id, round(contrast, 3))
        murmurs = admit(murmurs, mark, clock, ladder.pattern.window_s, MAX_MURMURS)
    spoken = Mark(at, verdict_id, text=verdict.fingerprint)
    limit = 4 * ladder.flood.repeats
    messages = admit(standing.messages, spoken, clock, ladder.flood.window_s, limit)
    return msgspec.structs.replace(standing, clock=clock, offences=offences, murmurs=murmurs, messages=messages)


def _longest_window_s(ladder: Ladder) -> int:
    return max(ladder.window_s, ladder.flood.window_s, ladder.pattern.window_s)


def _longest_quiet_s(ladder: Ladder) -> int:
    """Return the longest time for which a rule does not strike again: the longest cool-down or mute."""
    mutes = [part.duration_s or 0 for part in (*ladder.rungs, ladder.flood, ladder.pattern)]
    return max(ladder.cool_down_s, ladder.flood.cool_down_s, ladder.pattern.cool_down_s, *mutes)


def _points(verdict: Verdict, ladder: Ladder) -> float:
    if verdict.action == "allow":
        return 0.0
    weight = ladder.flag_weight if verdict.action == "flag" else 1.0
    return ladder.severity_points[verdict.severity] * weight


def _fresh(before: Marks, after: Marks, verdict_id: str) -> bool:
    """Whether a verdict was added that was not there before."""
    return find(before, verdict_id) is None and find(after, verdict_id) is not None
