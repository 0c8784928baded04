"""What the demo shows: a live table in a terminal, plain lines elsewhere."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stream.demo import Line, Progress

ROWS: Final = 16
TEXT_WIDTH: Final = 60
_STYLES: Final = {"allow": "green", "flag": "yellow", "block": "bold red", "dead letter": "magenta"}
_EVERY: Final = 8
"""One in this many allowed messages is shown, so that the others stand out."""


def telling(lines: Iterable[Line], seen: int) -> list[Line]:
    """Choose what to show; ``seen`` counts earlier results."""
    return [line for number, line in enumerate(lines, seen) if line.action != "allow" or number % _EVERY == 0]


class LiveView:
    """A table of the latest verdicts under a line of figures."""

    def __init__(self, console: Console, live: Live) -> None:
        self._latest: deque[Line] = deque(maxlen=max(4, min(ROWS, console.height - 8)))
        self._live = live
        self._seen = 0

    def show(self, lines: list[Line], progress: Progress) -> None:
        """Show the results of a chunk."""
        self._latest.extend(telling(lines, self._seen))
        self._seen += len(lines)
        self._live.update(Group(Text(headline(progress), style="bold"), self._table()))

    def _table(self) -> Table:
        table = Table(expand=True, show_edge=False, pad_edge=False)
        for name, width in (("action", 11), ("category", 14), ("score", 6), ("answered by", 11), ("player", 12)):
            table.add_column(name, width=width, no_wrap=True)
        table.add_column("message", no_wrap=True, ratio=1)
        for line in self._latest:
            score = "" if line.score is None else f"{line.score:.3f}"
            cells = (line.category, score, line.resolved_by, line.player_id, printable(line.text))
            table.add_row(Text(line.action, style=_STYLES[line.action]), *map(Text, cells))
        return table


class PlainView:
    """A few lines each second, for logs and pipes."""

    def __init__(self, output: TextIO, clock: Callable[[], float], per_second: int = 8) -> None:
        self._output = output
        self._clock = clock
        self._per_second = per_second
        self._second = -1
        self._left = 0
        self._seen = 0

    def show(self, lines: list[Line], progress: Progress) -> None:
        """Show some of the results of a chunk."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._left = second, self._per_second
        picked = telling(lines, self._seen)[: self._left]
        self._seen += len(lines)
        self._left -= len(picked)
        for line in picked:
            score = "" if line.score is None else f"{line.score:.3f}"
            self._output.write(
                f"{line.action:<11} {line.category:<14} {score:<6} {line.resolved_by:<11} {printable(line.text)}\n"
            )
        self._output.flush()


def printable(text: str) -> str:
    """Return the text as one line of bounded length, control characters replaced."""
    shown = "".join(letter if letter.isprintable() else "·" for letter in text)
    return shown if len(shown) <= TEXT_WIDTH else shown[: TEXT_WIDTH - 1] + "…"


def headline(progress: Progress) -> str:
    """Return the figures so far in one line."""
    summary = progress.summary
    rate = summary.records / progress.elapsed_s if progress.elapsed_s else 0.0
    return (
        f"{summary.records:,} messages · {rate:,.0f}/s · p50 {progress.quantile(0.5) * 1_000:.0f} ms"
        f" · p99 {progress.quantile(0.99) * 1_000:.0f} ms · "
        + " · ".join(f"{action} {count:,}" for action, count in summary.by_action().items())
    )


def closing(progress: Progress) -> str:
    """Return the summary: counts by action and by resolver, throughput, latency."""
    ordered = sorted(progress.latencies)
    if not ordered:
        return "nothing was judged; give it a longer --duration or a higher --rate"
    last = len(ordered) - 1
    marks = {"p50": last // 2, "p90": last * 9 // 10, "p99": last * 99 // 100, "max": last}
    figures = " · ".join(f"{name} {ordered[place] * 1_000:.0f} ms" for name, place in marks.items())
    return f"{progress.summary.describe(progress.elapsed_s)}\n  latency      {figures} (from when a message was due)"
