"""The L0 cache: earlier answers of this process, kept by SIEVE.

It comes before all other resolvers, so it keeps whole answers, including a rule's floor and spans.
"""

from collections.abc import Sequence
from typing import Final

from model.resolver import Answer, Text
from schemas.verdict import ResolvedBy


class _Entry:
    """One remembered answer in the queue; ``newer`` points towards the head, ``older`` towards the tail."""

    __slots__ = ("answer", "newer", "older", "text", "visited")

    def __init__(self, text: Text, answer: Answer) -> None:
        self.text = text
        self.answer = answer
        self.visited = False
        self.newer: _Entry | None = None
        self.older: _Entry | None = None


class MemoryResolver:
    """Answers texts that this process has answered before.

    SIEVE (Zhang et al., NSDI 2024): a queue in order of arrival, one bit for "asked again", and a hand that moves from
    the oldest entry to the newest, clears bits, and evicts the first entry without one.  A hit moves nothing.

    Not thread-safe: the judge's thread owns it.
    """

    kind: ResolvedBy = "cache"

    def __init__(self, capacity: int) -> None:
        """Keep at most ``capacity`` texts (at least one), about 300 bytes each."""
        if capacity < 1:
            raise ValueError("capacity must be at least 1; leave the memory out to keep nothing")
        self._capacity: Final = capacity
        self._entries: dict[Text, _Entry] = {}
        self._newest: _Entry | None = None
        self._oldest: _Entry | None = None
        self._hand: _Entry | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def __call__(self, texts: Sequence[Text], /) -> list[Answer | None]:
        """Answer the texts that are remembered."""
        find = self._entries.get
        replies: list[Answer | None] = []
        for text in texts:
            entry = find(text)
            if entry is None:
                replies.append(None)
            else:
                entry.visited = True
                replies.append(entry.answer)
        return replies

    def remember(self, answers: dict[Text, Answer], /) -> None:
        """Keep answers; the least useful ones are evicted."""
        for text, answer in answers.items():
            kept = Answer(answer.scores, "cache", answer.floor, answer.spans)
            entry = self._entries.get(text)
            if entry is not None:
                entry.answer = kept
                continue
            if len(self._entries) >= self._capacity:
                self._evict()
            self._insert(_Entry(text, kept))

    def _insert(self, entry: _Entry) -> None:
        self._entries[entry.text] = entry
        entry.older = self._newest
        if self._newest is not None:
            self._newest.newer = entry
        self._newest = entry
        if self._oldest is None:
            self._oldest = entry

    def _evict(self) -> None:
        entry = self._hand or self._oldest
        while entry is not None and entry.visited:
            entry.visited = False
            entry = entry.newer or self._oldest
        if entry is None:
            return
        self._hand = entry.newer
        if entry.newer is not None:
            entry.newer.older = entry.older
        else:
            self._newest = entry.older
        if entry.older is not None:
            entry.older.newer = entry.newer
        else:
            self._oldest = entry.newer
        del self._entries[entry.text]
