"""``python -m tests.bench.start``: how soon things are there, and gone, with the bundle that ships and a real broker.

``help``   ``chatwarden --help``, wall clock, ten times
``demo``   ``chatwarden demo`` to its first verdict, three times
``run``    start → ready with the loading of the model apart, SIGTERM under load → exit, and both once more

Prints one line of JSON per part; asserts nothing.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from stream.chatter.generate import Chatter
from tests.support.broker import Broker
from tests.support.processes import Child, free_port, wait_until
from tests.support.stream_topics import StreamTopics, send

COMMAND: Final = str(Path(sys.executable).with_name("chatwarden"))
LOADING: Final = "loading the model"
LOADED: Final = "the worker starts"
VERDICT: Final = re.compile(rb"^(allow|flag|block) ")
PARTS: Final = ("help", "demo", "run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    given = parser.parse_args()
    does = {"help": help_s, "demo": demo_s, "run": run_s}
    for part in given.parts or PARTS:
        print(json.dumps({"part": part, **does[part]()}), flush=True)


def help_s() -> dict[str, object]:
    """Time ``--help``."""
    taken = []
    for _ in range(10):
        started = time.monotonic()
        subprocess.run([COMMAND, "--help"], check=True, capture_output=True)
        taken.append(time.monotonic() - started)
    return {"median_s": round(sorted(taken)[5], 2), "worst_s": round(max(taken), 2)}


def demo_s() -> dict[str, object]:
    """Time the demo to its first verdict."""
    taken = []
    for _ in range(3):
        started = time.monotonic()
        demo = subprocess.Popen([COMMAND, "demo", "--duration", "1"], stdout=subprocess.PIPE)
        assert demo.stdout
        next(line for line in demo.stdout if VERDICT.match(line))
        taken.append(round(time.monotonic() - started, 2))
        demo.communicate()
    return {"first_verdict_s": taken}


def run_s() -> dict[str, object]:
    """Start a worker, stop it under load, and do both again."""
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        broker = Broker(Path(name, "kafka"))
        broker.start()
        try:
            topics = StreamTopics(broker.bootstrap)
            topics.create()
            for which in ("start", "restart"):
                found |= {f"{which}_{figure}": value for figure, value in _one_life(topics, Path(name)).items()}
        finally:
            broker.stop()
    return found


def _one_life(topics: StreamTopics, folder: Path) -> dict[str, float]:
    """Start a worker, let it judge, end it."""
    port, started = free_port(), time.time()
    log = folder / "log"
    log.unlink(missing_ok=True)
    worker = Child([COMMAND, "run", "--slot", "bench"], log, topics.env(ADMIN__PORT=str(port)))
    wait_until(lambda: _ready(port, worker), 300, "the worker is ready")
    ready = time.time() - started
    loading, loaded = (_said(log, words) for words in (LOADING, LOADED))
    talk = Chatter(os.getpid())
    send(topics, (talk.say(datetime.now(UTC)) for _ in range(20_000)))
    asked = time.monotonic()
    code = worker.stop()
    return {
        "to_ready_s": round(ready, 2),
        "of_that_loading_the_model_s": round(loaded - loading, 2),
        "sigterm_to_exit_s": round(time.monotonic() - asked, 2),
        "exit_code": code,
    }


def _ready(port: int, worker: Child) -> bool:
    if not worker.alive:
        raise RuntimeError(worker.output()[-2_000:])
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as reply:
            return bool(reply.status == 200)
    except URLError:  # not there yet, or not ready
        return False


def _said(log: Path, words: str) -> float:
    """Return when the worker said something, in seconds since 1970."""
    lines = map(json.loads, log.read_text().splitlines())
    return next(datetime.fromisoformat(line["at"]).timestamp() for line in lines if line["message"] == words)


if __name__ == "__main__":
    main()
