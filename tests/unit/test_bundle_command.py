"""``chatwarden bundle`` on tiny checkpoints."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.bundle import bundle_digest, load_bundle
from stream.cli import app
from stream.errors import ConfigError
from tests.support.checkpoints import TAXONOMY, tiny_config, write_checkpoint

RUNNER = CliRunner()


def taxonomy_file(folder: Path) -> Path:
    blocks = [
        f'[[categories]]\nname = "{category.name}"\nseverity = {category.severity}\n'
        f'description = "{category.description}"\n'
        for category in TAXONOMY.categories
    ]
    path = folder / "taxonomy.toml"
    path.write_text(f'name = "{TAXONOMY.name}"\n' + "\n".join(blocks))
    return path


def make(folder: Path, checkpoint: Path, labels: str) -> Path:
    (folder / "labels.toml").write_text(labels)
    arguments = ["bundle", "make", str(checkpoint), "-o", str(folder / "bundle"), "--max-tokens", "32"]
    arguments += ["--taxonomy", str(taxonomy_file(folder)), "--labels", str(folder / "labels.toml")]
    result = RUNNER.invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return folder / "bundle"


LABELS = '[labels]\nclean = "non_toxic"\nflame = "insult"\nthreat = "threat"\n'


def test_a_bundle_is_made_and_verified(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint", finetuning_task="x", _attn_implementation="eager")
    made = load_bundle(make(tmp_path, checkpoint, LABELS))
    assert made.outputs == (0, 1, 2)
    assert "finetuning_task" not in made.config
    verified = RUNNER.invoke(app, ["bundle", "verify", str(made.path), "--digest", bundle_digest(made)])
    assert verified.exit_code == 0
    assert bundle_digest(made) in verified.output


def test_another_digest_than_expected_is_refused(tmp_path: Path) -> None:
    made = make(tmp_path, write_checkpoint(tmp_path / "checkpoint"), LABELS)
    result = RUNNER.invoke(app, ["bundle", "verify", str(made), "--digest", "0" * 32])
    assert isinstance(result.exception, ConfigError)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ('[labels]\nclean = "non_toxic"\nflame = "insult"\n', "differ in: threat"),
        (LABELS.replace('"threat"', '"menace"'), "^unknown categories: menace"),
        ("labels = 3", "write \\[labels\\]"),
    ],
)
def test_a_label_map_that_does_not_fit_is_refused(tmp_path: Path, labels: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(tmp_path, write_checkpoint(tmp_path / "checkpoint"), labels)
    assert not (tmp_path / "bundle").exists()


def test_a_checkpoint_that_names_code_is_refused(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    config = tiny_config(["clean", "flame", "threat"]) | {"auto_map": {"AutoModel": "modeling.Evil"}}
    (checkpoint / "config.json").write_text(json.dumps(config))
    (checkpoint / "modeling.py").write_text("raise SystemExit('ran foreign code')")
    with pytest.raises(ConfigError, match="auto_map would load foreign code"):
        make(tmp_path, checkpoint, LABELS)


def test_a_checkpoint_of_pickles_is_refused(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    with pytest.raises(ConfigError, match="no safetensors weights"):
        make(tmp_path, checkpoint, LABELS)


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    make(tmp_path, checkpoint, LABELS)
    with pytest.raises(ConfigError, match="not empty"):
        make(tmp_path, checkpoint, LABELS)
