"""The process: its end before it has begun."""

import os
import signal
import socket
import sys
from pathlib import Path

from tests.support.processes import Child


def test_a_worker_whose_kafka_never_answers_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        settings = {
            "CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{silent.getsockname()[1]}",
            "CHATWARDEN__STRIKES__DATA_DIR": str(tmp_path / "data"),
            "CHATWARDEN__STRIKES__SHUTDOWN_S": "120",
        }
        worker = Child([sys.executable, "-m", "stream", "strikes"], tmp_path / "log", {**os.environ, **settings})
        try:
            with silent.accept()[0]:
                worker.signal(signal.SIGTERM)
                assert worker.process.wait(60) == 0, worker.output()
        finally:
            worker.kill()
