"""Compares two policies or rule packs: judges the same events by both and reports where the verdicts differ."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from model.policy import Decider, Decision
from model.resolver import Answer, Outcome
from model.rules import pack_folder
from model.scorer import Scorer
from schemas.codec import Event, decode_event
from stream import wiring
from stream.errors import ConfigError
from stream.judge import circumstances_of, text_of
from stream.settings import Settings, load_settings

CHUNK: Final = 512


class Side(NamedTuple):
    """One side of a comparison."""

    scorer: Scorer
    decider: Decider


class Change(NamedTuple):
    """An event whose verdict differs."""

    event_id: str
    before: Decision
    after: Decision
    rules: tuple[str, ...]
    """The rules that matched on the new side."""

    def line(self) -> str:
        """Return the change as one line, without chat text."""
        by = f"  by {', '.join(self.rules)}" if self.rules else ""
        return f"{self.event_id}  {_named(self.before)} -> {_named(self.after)}{by}"


@dataclass(slots=True)
class Comparison:
    """Counts of compared verdicts and of each kind of change."""

    events: int = 0
    malformed: int = 0
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Share of events whose verdict changes."""
        return self.changes.total() / self.events if self.events else 0.0

    def summary(self) -> Iterator[str]:
        """Yield the totals, the most frequent change first."""
        yield f"{self.events:,} events, {self.changes.total():,} verdicts change ({self.share:.2%})"
        if self.malformed:
            yield f"{self.malformed:,} malformed lines left out"
        for (before, after), number in self.changes.most_common():
            yield f"  {number:>8,}  {before} -> {after}"


def sides(old: str, new: str, overrides: Mapping[str, object], config: Path | None) -> tuple[Side, Side]:
    """Build both sides; policies share one scorer.  Loads the model.

    Raises:
        ConfigError: OLD and NEW are of different kinds, or one of them cannot be used.
    """
    kinds = {_key(old), _key(new)}
    if len(kinds) > 1:
        raise ConfigError("OLD and NEW must both be policy files or both be rule packs")
    before, after = (load_settings(config, {**overrides, **_override(name)}) for name in (old, new))
    first = _side(before, None)
    return first, _side(after, first.scorer if kinds == {"policy.path"} else None)


def _side(settings: Settings, scorer: Scorer | None) -> Side:
    if "gate" in settings.pipeline.resolvers:
        raise ConfigError(
            "the gate is bound to a policy and takes no part in a comparison; leave it out of --resolvers"
        )
    scorer = scorer or wiring.scorer(settings)
    return Side(scorer, wiring.decider(settings, scorer.taxonomy))


def _key(name: str) -> str:
    if not pack_folder(name).exists():
        raise ConfigError(f"{name}: neither a policy file nor a rule pack; name one that exists")
    return "policy.packs" if pack_folder(name).is_dir() else "policy.path"


def _override(name: str) -> dict[str, object]:
    return {"policy.packs": {"default": name}} if _key(name) == "policy.packs" else {"policy.path": name}


def compare(lines: Iterable[bytes], before: Side, after: Side, report: Callable[[Change], None]) -> Comparison:
    """Judge each event by both sides and report each difference, in order."""
    comparison = Comparison()
    waiting = (line for line in lines if line.strip())
    while chunk := list(islice(waiting, CHUNK)):
        decoded = [decode_event(line) for line in chunk]
        events = [event for event in decoded if isinstance(event, Event)]
        comparison.events += len(events)
        comparison.malformed += len(decoded) - len(events)
        old = _outcomes(events, before)
        new = old if after.scorer is before.scorer else _outcomes(events, after)
        for event, was, is_now in zip(events, old, new, strict=True):
            change = _change(event, _decided(event, was, before), _decided(event, is_now, after), is_now)
            if change is not None:
                comparison.changes[_named(change.before), _named(change.after)] += 1
                report(change)
    return comparison


def _outcomes(events: list[Event], side: Side) -> list[Outcome]:
    return side.scorer([text_of(event, side.scorer) for event in events])


def _decided(event: Event, outcome: Outcome, side: Side) -> Decision:
    if not isinstance(outcome, Answer):
        return Decision("allow", "dead letter", 0)
    return side.decider(outcome, circumstances_of(event))


def _change(event: Event, before: Decision, after: Decision, outcome: Outcome) -> Change | None:
    if (before.action, before.category) == (after.action, after.category):
        return None
    rules = tuple(dict.fromkeys(span.rule for span in outcome.spans)) if isinstance(outcome, Answer) else ()
    return Change(event.event_id, before, after, rules)


def _named(decision: Decision) -> str:
    return decision.action if decision.action == "allow" else f"{decision.action} {decision.category}"
