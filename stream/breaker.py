"""A circuit breaker: after repeated failures calls are skipped for a while, then one is tried."""

from typing import Final

from stream.deadline import Clock


class Breaker:
    """Closed: calls go through.  Open: they do not.  Half-open: one probe goes through and decides.

    It opens after ``failures`` in a row, for ``cooldown_s``; each probe that fails doubles that, up to ``longest_s``.
    For one thread.
    """

    def __init__(self, clock: Clock, failures: int = 3, cooldown_s: float = 0.5, longest_s: float = 30.0) -> None:
        self._clock = clock
        self._limit: Final = failures
        self._shortest: Final = cooldown_s
        self._longest: Final = longest_s
        self._failures = 0
        self._cooldown = cooldown_s
        self._opened: float | None = None

    @property
    def closed(self) -> bool:
        """Whether all calls go through."""
        return self._opened is None

    def allows(self) -> bool:
        """Whether a call may be tried now: always while closed, once per cool-down while open."""
        return self._opened is None or self._clock() - self._opened >= self._cooldown

    def succeeded(self) -> None:
        """Report a call that worked: the breaker closes."""
        self._failures = 0
        self._cooldown = self._shortest
        self._opened = None

    def failed(self) -> None:
        """Report a call that failed: the breaker may open, or stay open for longer."""
        self._failures += 1
        if self._opened is not None:
            self._cooldown = min(2 * self._cooldown, self._longest)
            self._opened = self._clock()
        elif self._failures >= self._limit:
            self._opened = self._clock()
