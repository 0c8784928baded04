"""``chatwarden run`` as a process, without a broker: what it says, and how it leaves."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import free_port, wait_until

COMMAND: Final = Path(sys.executable).with_name("chatwarden")
LONGEST_S: Final = 5.0


class Running:
    """A worker that finds no broker, and what it said so far."""

    def __init__(self, *more: str) -> None:
        away = ["--bootstrap-servers", f"127.0.0.1:{free_port()}"]
        self.process = subprocess.Popen([COMMAND, "run", *away, *more], stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, words: str) -> None:
        """Wait until a line has these words."""
        wait_until(lambda: any(words in line for line in self.lines), 60, f"it says {words!r}")

    def leave(self, number: signal.Signals) -> tuple[int, float]:
        """Send a signal; return the exit code and how many seconds it took."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._reader.join()
        return code, time.monotonic() - started

    def messages(self) -> list[str]:
        """Return the message of each line, all of which are JSON objects."""
        return [json.loads(line)["message"] for line in self.lines]

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr as errors:
            self.lines.extend(iter(errors.readline, ""))


@pytest.fixture
def running() -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for each in started:
        each.process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_model_loads_ends_it_well_and_in_time(
    running: list[Running], number: signal.Signals
) -> None:
    running.append(worker := Running())
    worker.wait_for("loading the model")
    code, seconds = worker.leave(number)
    assert code == 0, worker.lines
    assert seconds <= LONGEST_S
    assert worker.messages()[-1] == f"stopping on {number.name}; nothing had begun"


def test_a_signal_while_it_waits_for_kafka_does_too_and_every_line_is_json(running: list[Running]) -> None:
    running.append(worker := Running("--resolvers", "rules"))
    worker.wait_for("waiting for Kafka")
    worker.wait_for("Connection refused")
    code, seconds = worker.leave(signal.SIGTERM)
    assert seconds <= LONGEST_S
    assert code in (0, 75), worker.lines  # 75 where a call of the client outlasted the time
    assert "stopping on SIGTERM" in worker.messages()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--config", "nowhere.toml"], "nowhere.toml"),
        (["--start", "soon"], "--start soon"),
        (["--policy", "nowhere.toml"], "policy.path: nowhere.toml"),
    ],
)
def test_what_it_cannot_start_with_is_one_line_of_json(more: list[str], message: str) -> None:
    done = subprocess.run([COMMAND, "run", *more], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    last = json.loads(done.stderr.splitlines()[-1])
    assert message in last["message"]
    assert last["code"] == 2
