"""A checkpoint named by its hub name: fetched by the real client, without code and pickles."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.bundle import load_bundle
from stream.errors import ConfigError
from tests.support.checkpoints import write_checkpoint
from tests.support.hub import a_hub
from tests.support.labelled import lines, write_table, write_taxonomy

NAME = "acme/tiny"
SETTINGS = "epochs = 1\nbatch_size = 32\nmax_tokens = 32\n"
NEVER_FETCHED = {
    "pytorch_model.bin": b"\x80\x04.",
    "modeling_tiny.py": b"raise SystemExit('ran')\n",
    "model.onnx": b"o",
}


@pytest.fixture
def checkpoint(tmp_path: Path) -> dict[str, bytes]:
    """The files of a repository: a checkpoint beside pickles and code."""
    write_checkpoint(tmp_path / "base", spread=0.1)
    return {path.name: path.read_bytes() for path in (tmp_path / "base").iterdir()} | NEVER_FETCHED


def train(folder: Path, base: str, hub: str) -> subprocess.CompletedProcess[str]:
    """Run ``chatwarden train`` with the hub at that address and an empty cache."""
    write_table(folder / "own.csv", lines(200))
    write_taxonomy(folder / "taxonomy.toml")
    (folder / "settings.toml").write_text(SETTINGS)
    command: list[str | Path] = [sys.executable, "-m", "stream", "train", folder / "own.csv", "--base", base]
    command += ["-o", folder / "bundle", "--taxonomy", folder / "taxonomy.toml", "--settings", folder / "settings.toml"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": hub, "HF_HOME": str(folder / "home")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_a_base_is_fetched_by_its_hub_name(tmp_path: Path, checkpoint: dict[str, bytes]) -> None:
    with a_hub(NAME, checkpoint) as hub:
        done = train(tmp_path, NAME, hub.address)
    assert done.returncode == 0, done.stderr
    assert set(hub.fetched) == set(checkpoint) - set(NEVER_FETCHED)
    assert load_bundle(tmp_path / "bundle").manifest.training["base"] == NAME


def test_an_unknown_hub_name_is_refused_before_training(tmp_path: Path, checkpoint: dict[str, bytes]) -> None:
    with a_hub(NAME, checkpoint) as hub:
        done = train(tmp_path, "acme/other", hub.address)
    assert done.returncode == ConfigError.exit_code
    assert "acme/other: neither a folder nor a checkpoint on the hub" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "bundle").exists()


def test_a_hub_that_is_not_there_is_told(tmp_path: Path, checkpoint: dict[str, bytes]) -> None:
    with a_hub(NAME, checkpoint) as hub:
        gone = hub.address
    done = train(tmp_path, NAME, gone)
    assert done.returncode == ConfigError.exit_code
    assert f"{NAME}: neither a folder nor a checkpoint on the hub" in done.stderr
    assert "Traceback" not in done.stderr
