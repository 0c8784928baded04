"""``python -m tests.bench.memory``: how much ``chatwarden moderate`` grows over a million generated lines.

The lines are made as they are asked for, by ``chatwarden chatter``, so nothing is kept on disk.  Prints the memory that
is resident at each tenth, and the growth after the first; asserts nothing.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

COMMAND: Final = str(Path(sys.executable).with_name("chatwarden"))
RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+) kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--resolvers", default="rules,gate,classifier")
    given = parser.parse_args()
    talk = subprocess.Popen([COMMAND, "chatter", "--count", str(given.lines)], stdout=subprocess.PIPE)
    judge = subprocess.Popen(
        [COMMAND, "moderate", "--resolvers", given.resolvers, "--dead-letters", "/dev/null"],
        stdin=talk.stdout,
        stdout=subprocess.PIPE,
    )
    assert judge.stdout
    started, marks = time.monotonic(), []
    for number, _ in enumerate(judge.stdout, 1):
        if number % (given.lines // 10) == 0:
            marks.append(resident_mb(judge.pid))
            print(f"{number:>10,} verdicts  {marks[-1]:7.1f} MB  {time.monotonic() - started:7.1f} s", flush=True)
    codes = talk.wait(), judge.wait()
    grown = f"{max(marks) - marks[0]:.1f} MB" if marks else "unknown: too few lines"
    print(f"growth after the first tenth: {grown}; exit codes {codes}")


def resident_mb(pid: int) -> float:
    """Return a process's resident memory in MB."""
    found = RESIDENT.search(Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1_024


if __name__ == "__main__":
    main()
