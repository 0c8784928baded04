"""Deadlines shared by several steps, and exponential backoff."""

import random
from collections.abc import Callable
from typing import Final

Clock = Callable[[], float]
"""A monotonic clock, in seconds."""


class Deadline:
    """A point in time that several steps share."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._at: Final = clock() + seconds

    def remaining(self, at_most: float = float("inf")) -> float:
        """Return the seconds left, never negative and never above ``at_most``."""
        return min(max(self._at - self._clock(), 0.0), at_most)

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self._clock() >= self._at


class Backoff:
    """Waits that double from ``first`` to ``most`` seconds, each shortened by up to a half at random.

    The jitter keeps many workers from retrying in step.
    """

    def __init__(self, first: float, most: float, draw: Callable[[], float] = random.random) -> None:
        self._first = first
        self._most = most
        self._draw = draw
        self._tries = 0

    @property
    def tries(self) -> int:
        """Number of waits since the last ``reset``."""
        return self._tries

    def next(self) -> float:
        """Return how long to wait now, in seconds."""
        longest = min(self._first * 2.0 ** min(self._tries, 32), self._most)
        self._tries += 1
        return longest * (1 - self._draw() / 2)

    def reset(self) -> None:
        """Start with the shortest wait again, after a success."""
        self._tries = 0
