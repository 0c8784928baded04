"""Views: texts made from others, with the position of each of their code points there."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

Places = tuple[Sequence[int], Sequence[int]]
"""Start and end of each code point in the text that a view was made from."""


class View:
    """A text derived from another, with the position of each of its code points there.

    Positions are worked out when first asked for: few readings have a match to point at.
    """

    __slots__ = ("_places", "text")

    def __init__(self, text: str, places: Places | Callable[[], Places]) -> None:
        self.text: Final = text
        self._places = places

    @property
    def places(self) -> Places:
        """Start and end of each code point of ``text``."""
        if callable(self._places):
            self._places = self._places()
        return self._places

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


class Edit(NamedTuple):
    """What is written for the code points of a view from ``start`` to ``stop``: first and last place of each letter."""

    start: int
    stop: int
    firsts: Sequence[int]
    lasts: Sequence[int]


def as_view(text: str) -> View:
    """Return a text as a view of itself."""
    return View(text, (range(len(text)), range(1, len(text) + 1)))


def edited(view: View, text: str, edits: Callable[[], Iterable[Edit]]) -> View:
    """Return the view as ``text``, to which the edits, in order, change it; they are asked for with the positions."""
    return View(text, lambda: _moved(view, edits()))


def cut(view: View, start: int, stop: int) -> View:
    """Return a part of the view."""
    return View(view.text[start:stop], lambda: (view.starts[start:stop], view.ends[start:stop]))


def _moved(view: View, edits: Iterable[Edit]) -> Places:
    from_starts, from_ends = view.places
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
