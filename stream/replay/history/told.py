"""Keeps the records of a stretch, for the few that are needed again."""

from collections.abc import Sequence

import numpy as np

from stream.replay.history.columns import Codes
from stream.replay.history.joined import Joined


class Told:
    """Records, kept as joined batches, which is cheaper than keeping each separately."""

    def __init__(self) -> None:
        self._batches: list[Joined] = []
        self._first = [0]
        """The position of each batch's first record."""
        self._start = [np.empty(0, np.int64)]
        self._end = [np.empty(0, np.int64)]

    def __len__(self) -> int:
        return self._first[-1]

    def add(self, batch: Joined, chosen: Codes | None = None) -> None:
        """Add a batch's records, or the selected ones."""
        self._batches.append(batch)
        self._start.append(batch.start if chosen is None else batch.start[chosen])
        self._end.append(batch.end if chosen is None else batch.end[chosen])
        self._first.append(len(self) + len(self._end[-1]))

    def at(self, chosen: Sequence[int]) -> list[bytes]:
        """Return the records at some positions."""
        places = np.array(chosen, np.int64)
        numbers = np.searchsorted(self._first, places, "right") - 1
        starts, ends = (np.concatenate(borders)[places] for borders in (self._start, self._end))
        spans = zip(numbers.tolist(), map(slice, starts.tolist(), ends.tolist()), strict=True)
        return [self._batches[number].text[span] for number, span in spans]
