"""Matching rules against a whole chunk of texts at once.

The texts and their further readings are joined by line breaks, which no canonical text contains, and searched for
patterns in one pass; for words, only those texts are that have a part of an entry.  Only matches cost Python time.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import ahocorasick_rs
import numpy as np

from model.normalise import canonical
from model.pack_files import PackError
from model.parts import Column, Lines
from model.rule_patterns import compiled, search_set, size, union
from model.rules_detect import PATTERNS, check_of, flood
from model.rules_pack import PackSource, Rule, Sourced
from model.suspects import search
from model.word_borders import word_around, word_goes_on

TABLE_LETTERS: Final = 1 << 13
"""Maximum letters of a pack's entries for a DFA; a megabyte or two at most."""

_ALLOWED: Final = -1
_SILENT, _TELLING = 1, 2
"""Of a part: whether an entry may be in a text that has it."""


class Hit(NamedTuple):
    """A rule (its number) and the position of its match in the canonical text."""

    rule: int
    start: int
    end: int


class _Lines:
    """The texts as written, then their further readings."""

    def __init__(self, written: Sequence[str]) -> None:
        self.suspects: Final = search(written)
        self.written: Final = self.suspects.lines
        self._views: Final = [*self.suspects.readings, *self.suspects.without_punctuation()]
        self.readings: Final = [view.text for _, view in self._views]
        self.texts: Final = [*written, *self.readings]

    def owner(self, number: int) -> int:
        """Return the number of the text behind a line."""
        return number if self.is_written(number) else self._views[number - len(self.written.texts)][0]

    def is_written(self, number: int) -> bool:
        """Whether a line is a text as written."""
        return number < len(self.written.texts)

    def mapped(self, number: int, hit: Hit) -> Hit:
        """Return a line's match at its position in the text as written."""
        if self.is_written(number):
            return hit
        _, view = self._views[number - len(self.written.texts)]
        return Hit(hit.rule, *view.span(hit.start, hit.end))


def line_starts(lines: Sequence[str]) -> list[int]:
    """Return the start of each line when joined by one character."""
    return list(accumulate((len(line) + 1 for line in lines), initial=0))


class _Entry(NamedTuple):
    """An entry to find: its rule, and whether it must begin and end at word borders."""

    rule: int
    begins: bool
    ends: bool


class _Pattern(NamedTuple):
    rule: int
    compiled: re.Pattern[str]
    accepts: Callable[[str], bool]


class Matcher:
    """The compiled words, phrases and patterns of one pack."""

    def __init__(self, pack: PackSource) -> None:
        """Compile.

        Raises:
            PackError: an entry or a pattern cannot be used; names every one with its place and the reason.  Or all
                patterns together are too large; names the rule with the largest.
        """
        self._rules: Final = [sourced.rule for sourced in pack.rules]
        self._entries: dict[str, list[_Entry]] = {}
        self._whole: dict[str, list[int]] = {}
        self._patterns: list[_Pattern] = []
        self._floods = [(number, found) for number, rule in enumerate(self._rules) if (found := flood(rule))]
        faults = [fault for number, sourced in enumerate(pack.rules) for fault in self._add(number, sourced)]
        if faults:
            raise PackError("\n".join(faults))
        for allowed in pack.allowed:
            for entry in allowed.words + allowed.phrases:
                self._entry(entry, _Entry(_ALLOWED, begins=True, ends=True))
            for entry in allowed.stems:
                self._entry(entry, _Entry(_ALLOWED, begins=True, ends=False))
        self._listed = list(self._entries.values())
        self._automaton = _automaton(list(self._entries))
        self._telling = _automaton(sorted({max(each.split(" "), key=len) for each in (*self._entries, *self._whole)}))
        self._known = Column(np.uint8, 0)
        self._union = self._united(pack)
        self._which = search_set([pattern.compiled for pattern in self._patterns])

    def find(self, texts: Sequence[str]) -> dict[int, list[Hit]]:
        """Return the matches by number of the text; texts without any are omitted."""
        lines = _Lines(texts)
        found: dict[int, list[Hit]] = {}
        for number, hits in self._search(lines).items():
            kept = _without_allowed(self._seen_there(lines, number, hits))
            if kept:
                found.setdefault(lines.owner(number), []).extend(lines.mapped(number, hit) for hit in kept)
        return {owner: list(dict.fromkeys(hits)) for owner, hits in found.items()}

    def _search(self, lines: _Lines) -> dict[int, list[Hit]]:
        """Return the matches by line, including positions where none is allowed."""
        found: dict[int, list[Hit]] = {}
        written, read = lines.written, lines.suspects.read
        numbers = [
            *self._telling_in(written),
            *(len(written.texts) + number for number in self._telling_in(read)),
            *range(len(written.texts) + len(read.texts), len(lines.texts)),
        ]
        for number, hit in self._by_words(numbers, [lines.texts[number] for number in numbers]):
            found.setdefault(number, []).append(hit)
        for number in self._candidates(lines):
            found.setdefault(number, []).extend(self._by_patterns(lines.texts[number]))
        for number in numbers:
            for rule in self._whole.get(lines.texts[number], ()):
                found.setdefault(number, []).append(Hit(rule, 0, len(lines.texts[number])))
        for number, hit in self._by_floods(written):
            found.setdefault(number, []).append(hit)
        return found

    def _telling_in(self, lines: Lines) -> list[int]:
        """Return the numbers of the texts that an entry may be in."""
        return lines.with_any(self._known.of(lines, self._told) == _TELLING)

    def _told(self, parts: Sequence[str]) -> list[int]:
        """Tell of each part whether an entry may be in a text that has it: whether an entry's longest part is in it."""
        starts = line_starts(parts)
        hits = self._telling.find_matches_as_indexes("\n".join(parts), overlapping=True)
        telling = {bisect_right(starts, start) - 1 for _, start, _ in hits}
        return [_TELLING if place in telling else _SILENT for place in range(len(parts))]

    def _by_floods(self, written: Lines) -> Iterator[tuple[int, Hit]]:
        for rule, flooded in self._floods:
            for number in flooded.may_be_in(written):
                yield from ((number, Hit(rule, *span)) for span in flooded(written.texts[number]))

    def _seen_there(self, lines: _Lines, number: int, hits: list[Hit]) -> list[Hit]:
        """Drop matches in other readings of rules for texts as written."""
        if lines.is_written(number):
            return hits
        return [hit for hit in hits if hit.rule == _ALLOWED or not self._rules[hit.rule].as_written]

    def _by_words(self, numbers: Sequence[int], texts: Sequence[str]) -> Iterator[tuple[int, Hit]]:
        joined, starts = "\n".join(texts), line_starts(texts)
        for which, start, end in self._automaton.find_matches_as_indexes(joined, overlapping=True):
            for entry in self._listed[which]:
                if entry.begins and word_goes_on(joined, start, -1, end - start):
                    continue
                if entry.ends and word_goes_on(joined, end - 1, 1, end - start):
                    continue
                place = bisect_right(starts, start) - 1
                first, last = (start, end) if entry.begins and entry.ends else word_around(joined, start, end)
                yield numbers[place], Hit(entry.rule, first - starts[place], last - starts[place])

    def _candidates(self, lines: _Lines) -> Iterator[int]:
        """Yield the lines that a pattern may match: one search over all, continuing at the next line."""
        if self._union is None:
            return
        encoded = lines.written.data + "\n".join(lines.readings).encode()
        number = start = 0
        while match := self._union.search(encoded, start):
            number += encoded.count(b"\n", start, match.start())
            yield number
            start = encoded.find(b"\n", match.start()) + 1
            if not start:
                return
            number += 1

    def _by_patterns(self, text: str) -> Iterator[Hit]:
        """Look for the patterns that match, as one search tells; for all if it tells none or had too little memory."""
        told = self._which.Match(text.encode()) if self._which is not None else None
        for pattern in [self._patterns[number] for number in sorted(told)] if told else self._patterns:
            for match in pattern.compiled.finditer(text):
                if pattern.accepts(match.group()):
                    yield Hit(pattern.rule, *match.span())

    def _add(self, number: int, sourced: Sourced) -> Iterator[str]:
        """Add one rule; yield its errors."""
        rule = sourced.rule
        for entry in rule.words + rule.phrases:
            yield from self._checked(sourced, entry, _Entry(number, begins=True, ends=True))
        for entry in rule.stems:
            yield from self._checked(sourced, entry, _Entry(number, begins=True, ends=False))
        for entry in rule.parts:
            yield from self._checked(sourced, entry, _Entry(number, begins=False, ends=False))
        if rule.action != "allow":
            for entry in rule.whole:
                self._whole.setdefault(canonical(entry), []).append(number)
        for source in _sources(rule):
            try:
                self._patterns.append(_Pattern(number, compiled(source), check_of(rule)))
            except PackError as exc:
                yield sourced.fault(str(exc), source if source in rule.patterns else None)

    def _united(self, pack: PackSource) -> re.Pattern[bytes] | None:
        """Return one pattern for all; None if there are none."""
        if not self._patterns:
            return None
        try:
            return union([pattern.compiled for pattern in self._patterns])
        except PackError as exc:
            together = f"all {len(self._patterns)} patterns of pack {pack.head.name!r} together"
            reason = f"{together}, of which this rule's are the largest: {exc}"
            raise PackError(pack.rules[_largest(self._patterns)].fault(reason)) from exc

    def _checked(self, sourced: Sourced, entry: str, what: _Entry) -> Iterator[str]:
        if not self._entry(entry, what):
            yield sourced.fault(
                f"{entry!r} has no letter or digit in its canonical form; look for signs with a pattern",
                entry,
            )

    def _entry(self, entry: str, what: _Entry) -> bool:
        """Add an entry, and a phrase also without its blanks, since people omit them."""
        spelled = canonical(entry)
        if not any(letter.isalnum() for letter in spelled):
            return False
        for spelling in {spelled, spelled.replace(" ", ""), spelled.replace("'", "")}:
            if spelling == spelled or len(spelling) > 5:
                self._entries.setdefault(spelling, []).append(what)
        return True


def _sources(rule: Rule) -> tuple[str, ...]:
    if rule.detector is not None and rule.detector in PATTERNS:
        return (*rule.patterns, PATTERNS[rule.detector])
    return rule.patterns


def _automaton(entries: list[str]) -> ahocorasick_rs.AhoCorasick:
    """Return the automaton for the entries: a DFA if they are few, three times as fast and far larger."""
    few = sum(map(len, entries)) <= TABLE_LETTERS
    table = ahocorasick_rs.Implementation.DFA if few else None
    return ahocorasick_rs.AhoCorasick(entries, store_patterns=False, implementation=table)


def _largest(patterns: Sequence[_Pattern]) -> int:
    """Return the number of the rule whose patterns are the largest in all."""
    sizes: Counter[int] = Counter()
    for pattern in patterns:
        sizes[pattern.rule] += size(pattern.compiled)
    return max(sizes, key=sizes.__getitem__)


def _without_allowed(hits: list[Hit]) -> list[Hit]:
    allowed = [hit for hit in hits if hit.rule == _ALLOWED]
    return [
        hit
        for hit in hits
        if hit.rule != _ALLOWED and not any(a.start <= hit.start and hit.end <= a.end for a in allowed)
    ]
