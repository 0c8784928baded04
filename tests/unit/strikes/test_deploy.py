"""The image: it carries only its own, and its settings exist."""

import re

import pytest

from stream.settings import load_settings
from tests.support.processes import ROOT

IMAGE = (ROOT / "deploy" / "strikes.Dockerfile").read_text()


def test_every_setting_of_the_image_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    variables = dict(re.findall(r"(CHATWARDEN__\w+)=(\S+)", IMAGE))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(load_settings().strikes.data_dir) == "/var/lib/chatwarden/strikes"


def test_the_image_is_locked_and_runs_without_privileges() -> None:
    assert "--require-hashes -r requirements/strikes.txt" in IMAGE
    assert "USER 10001" in IMAGE
    locked = (ROOT / "requirements" / "strikes.txt").read_text()
    names = set(re.findall(r"^([a-z0-9-]+)==", locked, re.MULTILINE))
    assert not names & {"torch", "transformers", "confluent-kafka", "redis"}
    assert {"faust-streaming", "aiokafka", "rocksdict", "cramjam"} <= names
