"""A broker that wants TLS and a login: every command gets in, and where one does not it says why, once."""

import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stream.cli import app
from stream.errors import ChatwardenError
from tests.support.broker import admin
from tests.support.processes import Child, wait_until
from tests.support.secure_broker import PASSWORD, SecureBroker
from tests.support.servers import has_local_kafka, unavailable
from tests.support.strikes_trial import read

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

WRONG = "not-the-password-83b2"
FAULTS = {
    "password": "kafka.properties: the broker refuses the login: .*invalid credentials.*; check sasl.mechanism, ",
    "authority": "kafka.properties: the certificate of 127.0.0.1:.* unable to get local issuer certificate; name the ",
    "name": "kafka.properties: the certificate of localhost:.*Hostname mismatch, .* 'localhost'; use a name that the ",
}


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    if not has_local_kafka():
        unavailable("Kafka with TLS", "make kafka (Java 17+ and Maven)")
    broker = SecureBroker(tmp_path_factory.mktemp("secure"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def configured(secure: SecureBroker, folder: Path, fault: str = "") -> Path:
    """Write the settings that docs/kafka.md names, with one thing wrong."""
    host = "localhost" if fault == "name" else "127.0.0.1"
    properties = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "chatwarden",
        "sasl.password": WRONG if fault == "password" else PASSWORD,
        "ssl.ca.location": secure.stranger if fault == "authority" else secure.authority,
    }
    rows = [f'"{name}" = "{value}"' for name, value in properties.items()]
    config = folder / f"{fault or 'right'}.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{host}:{secure.port}"\n[kafka.properties]\n'
        + "\n".join(rows)
        + f'\n[admin]\nport = 0\n[pipeline]\nresolvers = ["rules"]\n[strikes]\ndata_dir = "{folder}/standings"\n',
        encoding="utf-8",
    )
    return config


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def started(command: str, config: Path) -> Child:
    return Child([sys.executable, "-m", "stream", command, "--config", str(config)], config.with_suffix(f".{command}"))


def test_every_command_gets_in(secure: SecureBroker, tmp_path: Path) -> None:
    config = configured(secure, tmp_path)
    assert invoke("topics", "--config", config, "--partitions", 2).exit_code == 0
    workers = {command: started(command, config) for command in ("run", "strikes")}
    try:
        doctor = invoke("doctor", "--only", "kafka,topics,transactions,clock", "--config", config)
        assert (doctor.exit_code, doctor.output.count("ok ")) == (0, 4), doctor.output
        assert invoke("chatter", "--to", "kafka", "--count", 20, "--config", config).exit_code == 0
        archive = invoke("archive", "--topic", "chat.events", "-o", tmp_path / "archive", "--config", config)
        assert archive.exit_code == 0, archive.output
        wait_until(lambda: heard(secure) == 20, 60, "each event is judged, each verdict counted")
        asked = ("--topic", "chat.events", "--depth", "redecide", "--workers", 1, "--report", tmp_path / "report")
        backtest = invoke("backtest", *asked, "--config", config)
        assert backtest.exit_code == 0, (backtest.output, backtest.exception)
    finally:
        for worker in workers.values():
            worker.signal(signal.SIGTERM)
        codes = {command: worker.stop(30) for command, worker in workers.items()}
    said = {command: worker.output() for command, worker in workers.items()}
    assert codes == {"run": 0, "strikes": 0}, said
    assert PASSWORD not in str(said)


def heard(secure: SecureBroker) -> int:
    """Count the remarks that the strikes worker made of verdicts, and the dead letters of the worker."""
    if "moderation.channels" not in admin(secure.within).list_topics(timeout=10).topics:
        return 0
    return sum(len(list(read(secure.within, topic))) for topic in ("moderation.channels", "chat.events.dlq"))


def refusals(config: Path) -> Mapping[str, str]:
    """Return what each command says in the end."""
    said: dict[str, str] = {}
    for command in (("topics",), ("archive", "--topic", "chat.events"), ("chatter", "--to", "kafka", "--count", 1)):
        result = invoke(*command, "--config", config)
        assert isinstance(result.exception, ChatwardenError), (result.output, result.exception)
        assert result.exception.exit_code == 2
        said[command[0]] = str(result.exception)
    return {**said, "strikes": last_words(started("strikes", config))}


def last_words(worker: Child) -> str:
    """Wait until a worker ends for its configuration, and return what it says of it.

    A process of its own: asyncio leaves the socket of a handshake that failed to the collector.
    """
    assert worker.process.wait(60) == 2, worker.output()
    line: dict[str, str] = json.loads(worker.output().splitlines()[-1])
    return line["message"]


@pytest.mark.parametrize("fault", FAULTS)
def test_who_is_not_let_in_is_told_why_in_one_line(secure: SecureBroker, tmp_path: Path, fault: str) -> None:
    config = configured(secure, tmp_path, fault)
    doctor = invoke("doctor", "--only", "kafka,topics,transactions", "--config", config)
    assert doctor.exit_code == 1
    assert doctor.output.count("not tried") == 2
    said = refusals(config)
    for line in said.values():
        assert re.fullmatch(FAULTS[fault] + ".*", line), line
        assert not [secret for secret in (PASSWORD, WRONG) if secret in line]


def test_workers_that_are_not_let_in_end_with_a_matter_of_configuration(secure: SecureBroker, tmp_path: Path) -> None:
    config = configured(secure, tmp_path, "password")
    workers = [started(command, config) for command in ("run", "strikes")]
    for worker in workers:
        assert last_words(worker).startswith("kafka.properties: the broker refuses the login: ")
        assert WRONG not in worker.output()
