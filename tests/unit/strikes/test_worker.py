"""The process: its end before it has begun, and what its end is called."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from stream.errors import ChatwardenError, DataLost, TransportError
from stream.strikes.worker import reason_of
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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "strikes.ladder: {ladder}: No such file"),
        ("[default]\nhalf_life_s = true\n", "strikes.ladder: {ladder}:2: default.half_life_s: "),
        ("", "strikes.token: at least 16 characters"),
    ],
)
def test_what_no_waiting_mends_is_told_before_kafka_is_waited_for(tmp_path: Path, text: str | None, told: str) -> None:
    ladder = tmp_path / "ladder.toml"
    if text is not None:
        ladder.write_text(text)
    settings = {
        "CHATWARDEN__KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "CHATWARDEN__STRIKES__DATA_DIR": str(tmp_path / "data"),
        "CHATWARDEN__STRIKES__LADDER": str(ladder),
        "CHATWARDEN__STRIKES__TOKEN": "short",
        "CHATWARDEN__ADMIN__PORT": "0",
    }
    worker = Child([sys.executable, "-m", "stream", "strikes"], tmp_path / "log", {**os.environ, **settings})
    try:
        assert worker.process.wait(60) == 2
    finally:
        worker.kill()
    last = json.loads(worker.output().splitlines()[-1])
    assert (last["code"], last["cause"]) == (2, "ConfigError")
    assert told.format(ladder=ladder) in last["message"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (TransportError("a record could not be sent"), 75),
        (KafkaConnectionError(), 75),
        (ConnectionResetError(), 75),
        (TimeoutError(), 75),
        (DataLost("a record cannot be parsed"), 77),
        (KeyError("what player p-7 wrote"), 70),
        (None, 70),
    ],
)
def test_what_ended_the_application_has_its_exit_code(reason: BaseException | None, code: int) -> None:
    ended = reason_of(reason)
    assert isinstance(ended, ChatwardenError)
    assert ended.exit_code == code
    assert "p-7" not in str(ended)
