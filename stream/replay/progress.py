"""Progress of a long run on standard error: done, rate, time left."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from stream.replay.history.stretch import Stretch


@dataclass(slots=True)
class Meter:
    """Reports the progress of one phase: on a terminal one line that is updated, in a log one line every ten seconds.

    ``total`` and ``before`` (what an earlier run did) are weights of stretches.
    """

    output: TextIO
    clock: Callable[[], float]
    phase: str
    total: int
    before: int = 0
    events: int = 0
    started: float = field(init=False)
    _weight: int = field(init=False, default=0)
    _due: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()
        self._due = self.started + 2

    def done(self, stretch: Stretch, events: int) -> None:
        """Count a stretch; report progress when it is due."""
        self._weight += stretch.weight
        self.events += events
        now = self.clock()
        if now < self._due:
            return
        terminal = self.output.isatty()
        self.output.write(f"\r\x1b[K{self._text(now)}" if terminal else f"{self._text(now)}\n")
        self.output.flush()
        self._due = now + (0.5 if terminal else 10)

    @property
    def seconds(self) -> float:
        """Seconds since the phase began."""
        return self.clock() - self.started

    def finish(self) -> None:
        """Report the phase's summary."""
        start = "\r\x1b[K" if self.output.isatty() else ""
        seconds = max(self.seconds, 1e-9)
        self.output.write(f"{start}{self.phase}: {self.events:,} in {seconds:.1f} s ({self.events / seconds:,.0f}/s)\n")
        self.output.flush()

    def _text(self, now: float) -> str:
        seconds = max(now - self.started, 1e-9)
        part = (self.before + self._weight) / max(1, self.total)
        left = (self.total - self.before - self._weight) * seconds / max(1, self._weight)
        return f"{self.phase}: {self.events:,}, {part:.0%}, {self.events / seconds:,.0f}/s, {_duration(left)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
