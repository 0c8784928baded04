"""What a process and its children take of memory and processor, and the table of ``tests.bench.backtest``."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.backtest_topics import cpu_s
from tests.support.processes import Child

_EVERY_S: Final = 0.2
_COLUMNS: Final = (
    ("count", "events"),
    ("seconds", "s"),
    ("per_s", "events/s"),
    ("times_live", "× live"),
    ("us_per_event", "cpu-µs each"),
    ("times_live_by_cpu", "× live by cpu"),
    ("command_s", "command s"),
    ("command_cpu_s", "its cpu s"),
    ("peak_mb", "peak MB"),
)


@dataclass
class Watch:
    """Looks at a command while it runs; reads the files itself, since a ``ps`` costs what it measures."""

    peak_kb: int = 0
    _cpu_s: dict[int, float] = field(default_factory=dict)

    def until_the_end(self, child: Child) -> None:
        """Look until it has ended."""
        while child.alive:
            self.peak_kb = max(self.peak_kb, self._look(child.process.pid))
            time.sleep(_EVERY_S)

    @property
    def cpu_s(self) -> float:
        """Processor seconds of all its processes, each as it was last seen."""
        return sum(self._cpu_s.values())

    def _look(self, pid: int) -> int:
        """Return the resident memory of a process and its children, in KiB."""
        found = 0
        try:
            self._cpu_s[pid] = cpu_s(pid)
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += sum(self._look(int(child)) for child in (task / "children").read_text().split())
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            return found  # it ended meanwhile
        return found + pages * (os.sysconf("SC_PAGE_SIZE") // 1024)


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return one line per result, with how many times as fast as the live worker it was in the same run.

    Where the live rate was measured before and after, a result is compared with the mean of both.
    """
    lives = [found for name, found in results.items() if name.startswith("live")]
    rows = [["", *(title for _, title in _COLUMNS)]]
    for name, found in results.items():
        figures = {**found, "us_per_event": round(1e6 / found["per_cpu_s"], 2)}
        if lives:
            per_s, per_cpu_s = (sum(each[key] for each in lives) / len(lives) for key in ("per_s", "per_cpu_s"))
            figures["times_live"] = round(found["per_s"] / per_s, 1)
            figures["times_live_by_cpu"] = round(found["per_cpu_s"] / per_cpu_s, 1)
        rows.append([name, *(_shown(figures.get(key)) for key, _ in _COLUMNS)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,}"
