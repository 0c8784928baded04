"""``chatwarden --help`` answers at once: it loads nothing costly."""

import subprocess
import sys
from typing import Final

COSTLY: Final = {
    "aiohttp", "aiokafka", "confluent_kafka", "faust", "fsspec", "numpy", "pandas", "prometheus_client", "pyarrow",
    "pydantic", "redis", "safetensors", "sklearn", "tokenizers", "torch", "transformers",
}  # fmt: skip
"""Packages of which each takes about as long to load as all that prints help."""


def test_help_loads_nothing_costly() -> None:
    run = [sys.executable, "-X", "importtime", "-m", "stream", "--help"]
    timed = subprocess.run(run, check=True, capture_output=True, text=True).stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in timed.splitlines()}
    assert "typer" in loaded, timed
    assert not loaded & COSTLY


def test_every_command_has_help_that_names_its_exit_codes() -> None:
    from typer.main import get_command

    from stream.cli import app

    group = get_command(app)
    commands = getattr(group, "commands", {})
    assert {"moderate", "run", "demo", "topics", "doctor", "schema", "strikes"} <= set(commands)
    for name, command in commands.items():
        for each in getattr(command, "commands", {name: command}).values():
            assert each.help, name
            assert "Exit codes:" in each.help, f"{name} {each.name}"
