"""What is deployed: settings that exist, and an image that carries only its own."""

import re

import pytest

from stream.settings import load_settings
from tests.support.processes import ROOT

COMPOSE = (ROOT / "deploy" / "compose.strikes.yml").read_text()
IMAGE = (ROOT / "deploy" / "strikes.Dockerfile").read_text()


def test_every_setting_of_the_service_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = dict(re.findall(r"^\s+(CHATWARDEN__\w+): \"?([^\"\n]*)\"?$", COMPOSE, re.MULTILINE))
    variables |= dict(re.findall(r"(CHATWARDEN__\w+)=(\S+)", IMAGE))
    assert len(variables) >= 7
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert settings.strikes.host == "0.0.0.0"  # noqa: S104 - inside the compose network
    assert str(settings.strikes.data_dir) == "/var/lib/chatwarden/strikes"


def test_the_platform_waits_longer_than_the_worker_takes() -> None:
    within = re.search(r'SHUTDOWN_S: "(\d+)"', COMPOSE)
    grace = re.search(r"stop_grace_period: (\d+)s", COMPOSE)
    assert within is not None
    assert grace is not None
    assert int(grace.group(1)) > int(within.group(1))


def test_the_image_is_locked_and_runs_without_privileges() -> None:
    assert "--require-hashes -r requirements/strikes.txt" in IMAGE
    assert "USER 10001" in IMAGE
    locked = (ROOT / "requirements" / "strikes.txt").read_text()
    names = set(re.findall(r"^([a-z0-9-]+)==", locked, re.MULTILINE))
    assert not names & {"torch", "transformers", "confluent-kafka", "redis"}
    assert {"faust-streaming", "aiokafka", "rocksdict", "cramjam"} <= names
