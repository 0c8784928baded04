"""Windows over event time: sets of marks, so that neither order nor repetition changes their contents."""

from collections.abc import Iterable

import msgspec


class Mark(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One verdict in a window.

    ``at`` is event time in milliseconds since the epoch; the meaning of ``weight`` and ``text`` (a fingerprint)
    depends on the window; ``who`` is a keyed digest of the player, in channels.
    """

    at: int
    verdict_id: str
    weight: float = 0.0
    text: str = ""
    who: str = ""


Marks = tuple[Mark, ...]
"""Oldest first; equal times by verdict id."""


def admit(marks: Marks, mark: Mark, clock: int, span_s: int, limit: int) -> Marks:
    """Add a mark and drop what has left the window that ends at ``clock``.

    The result is the same in any order: of each verdict the latest mark, of these the ``limit`` newest, of these
    those younger than ``span_s`` seconds.
    """
    if mark.at <= clock - span_s * 1_000:
        return prune(marks, clock, span_s)
    known = find(marks, mark.verdict_id)
    if known is not None:
        if _rank(known) >= _rank(mark):
            return prune(marks, clock, span_s)
        marks = tuple(other for other in marks if other is not known)
    if not marks or _place(marks[-1]) < _place(mark):
        grown = (*marks, mark)
    else:
        grown = tuple(sorted((*marks, mark), key=_place))
    return prune(grown[-limit:], clock, span_s)


def prune(marks: Marks, clock: int, span_s: int) -> Marks:
    """Drop marks that are ``span_s`` seconds old or older at ``clock``."""
    horizon = clock - span_s * 1_000
    if not marks or marks[0].at > horizon:
        return marks
    return tuple(mark for mark in marks if mark.at > horizon)


def find(marks: Iterable[Mark], verdict_id: str) -> Mark | None:
    """Return the mark of a verdict, if it is there."""
    return next((mark for mark in marks if mark.verdict_id == verdict_id), None)


def ids(marks: Iterable[Mark]) -> list[str]:
    """Return the verdict ids, as evidence."""
    return [mark.verdict_id for mark in marks]


def _place(mark: Mark) -> tuple[int, str]:
    return mark.at, mark.verdict_id


def _rank(mark: Mark) -> tuple[int, float, str, str]:
    """Sort key that decides which of two marks of one verdict stays."""
    return mark.at, mark.weight, mark.text, mark.who
