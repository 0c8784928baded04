"""Views: texts made from others, with the position of each of their code points there."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Union

Places = tuple[Sequence[int], Sequence[int]]
"""Start and end of each code point in the text that a view was made from."""


class Edit(NamedTuple):
    """What is written for the code points of a text from ``start`` to ``stop``: first and last place of each letter."""

    start: int
    stop: int
    firsts: Sequence[int]
    lasts: Sequence[int]


Step = Callable[[str], Iterable[Edit]]
"""Tells how a text was rewritten, in order."""


def _unchanged(_: str) -> Iterable[Edit]:
    return ()


class View:
    """A text derived from another, with the position of each of its code points there.

    Positions are worked out when first asked for: few readings have a match to point at.  Until then a view keeps what
    it was made from and nothing else, since many are kept, and the garbage collector looks at all that they refer to.
    """

    __slots__ = ("_source", "_step", "text")

    def __init__(self, text: str, source: Union["View", Places], step: Step = _unchanged) -> None:
        """Take a text and its positions, or another view and how that was rewritten."""
        self.text: Final = text
        self._source = source
        self._step = step

    @property
    def places(self) -> Places:
        """Start and end of each code point of ``text``."""
        source = self._source  # another thread may work the positions out meanwhile
        if isinstance(source, View):
            source = self._source = _moved(source.places, self._step(source.text))
        return source

    @property
    def starts(self) -> Sequence[int]:
        """Start of each code point."""
        return self.places[0]

    @property
    def ends(self) -> Sequence[int]:
        """End of each code point."""
        return self.places[1]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Map a span of this view (end exclusive, not empty) to the text it was made from."""
        return self.starts[start], self.ends[end - 1]


def as_view(text: str) -> View:
    """Return a text as a view of itself."""
    return View(text, (range(len(text)), range(1, len(text) + 1)))


def _moved(places: Places, edits: Iterable[Edit]) -> Places:
    from_starts, from_ends = places
    starts: list[int] = []
    ends: list[int] = []
    kept = 0
    for start, stop, firsts, lasts in edits:
        starts += from_starts[kept:start]
        ends += from_ends[kept:start]
        starts += [from_starts[place] for place in firsts]
        ends += [from_ends[place] for place in lasts]
        kept = stop
    starts += from_starts[kept:]
    ends += from_ends[kept:]
    return tuple(starts), tuple(ends)
