"""Leaving: signals end the process in time, even one that is stuck."""

import subprocess
import sys
import time

import pytest

from tests.support.processes import ROOT

STUCK = """
import time
from stream.strikes.leaving import Leaving
leaving = Leaving({within})
leaving.tell(lambda: print("asked", flush=True))
print("ready", flush=True)
{work}
"""
LOOP = "while True: pass"
SLEEP = "time.sleep(60)"
LOCK = "import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()"
ASYNCIO = "import asyncio\nasync def main(): time.sleep(60)\nasyncio.run(main())"
LOG = "import logging; logging.lastResort.acquire(); time.sleep(60)"
CRASHING = "leaving.begin({code}); time.sleep(60)"


@pytest.mark.parametrize("work", [LOOP, SLEEP, LOCK, ASYNCIO, LOG])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_stuck_process_leaves_in_time(work: str, name: str) -> None:
    script = STUCK.format(within=0.3, work=work)
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        process.send_signal(getattr(__import__("signal"), name))
        assert process.stdout.readline() == "asked\n"
        assert process.wait(10) == 70
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("code", "left"),
    [
        (70, "what is in hand is left to the next owner"),
        (75, "what is in hand is left to the next owner"),
        (0, "nothing was in hand"),
    ],
)
def test_a_process_that_leaves_by_itself_is_given_the_same_time(code: int, left: str) -> None:
    script = STUCK.format(within=0.2, work=CRASHING.format(code=code))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=20, check=False)
    assert done.returncode == code
    assert done.stderr.decode() == f"not done within 0.2 s; {left}\n"
