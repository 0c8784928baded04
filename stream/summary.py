"""The summary of a run: counts by action, by resolver and by cause, with the rate."""

from collections import Counter
from dataclasses import dataclass, field
from typing import get_args

from schemas.verdict import ACTIONS, ResolvedBy
from stream.records import DeadLetter, Judged


@dataclass(slots=True)
class Summary:
    """Counts of everything judged so far; no text, no ids."""

    verdicts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By (action, category, resolved_by)."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    """By cause."""
    first_lines: dict[str, int] = field(default_factory=dict)
    """The first line number of each cause."""

    def add(self, judged: Judged) -> None:
        """Count a chunk."""
        self.verdicts.update(judged.tally)
        for result in judged.results:
            if isinstance(result, DeadLetter):
                self.dead_letters[result.rejection.cause] += 1
                self.first_lines.setdefault(result.rejection.cause, result.record.offset + 1)

    @property
    def judged(self) -> int:
        """Verdicts so far."""
        return self.verdicts.total()

    @property
    def records(self) -> int:
        """Verdicts and dead letters so far."""
        return self.verdicts.total() + self.dead_letters.total()

    def by_action(self) -> dict[str, int]:
        """Verdicts by action, mildest first."""
        counts = Counter[str]()
        for (action, _, _), count in self.verdicts.items():
            counts[action] += count
        return {action: counts[action] for action in ACTIONS}

    def by_resolver(self) -> dict[str, int]:
        """Verdicts by resolver, cheapest first."""
        counts = Counter[str]()
        for (_, _, resolved_by), count in self.verdicts.items():
            counts[resolved_by] += count
        return {kind: counts[kind] for kind in get_args(ResolvedBy)}

    def by_category(self) -> dict[str, int]:
        """Verdicts that are not ``allow``, by deciding category, most frequent first."""
        counts = Counter[str]()
        for (action, category, _), count in self.verdicts.items():
            if action != "allow":
                counts[category] += count
        return dict(counts.most_common())

    def describe(self, seconds: float) -> str:
        """Return the summary as lines of text."""
        rate = self.records / seconds if seconds > 0 else 0.0
        lines = [f"{self.records:,} records in {seconds:.1f} s ({rate:,.0f}/s)"]
        lines.append(f"  actions      {_shares(self.by_action(), self.judged)}")
        if categories := self.by_category():
            lines.append(f"  categories   {_shares(categories, self.judged)}")
        lines.append(f"  answered by  {_shares(self.by_resolver(), self.judged)}")
        for cause, count in self.dead_letters.most_common():
            lines.append(f"  dead letters {count:,} {cause}, the first in line {self.first_lines[cause]:,}")
        return "\n".join(lines)


def _shares(counts: dict[str, int], total: int) -> str:
    return " · ".join(f"{name} {count:,} ({count / total if total else 0:.1%})" for name, count in counts.items())
