"""Two processes train one network, as a launcher starts them; on CPUs, as on several GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model.bundle import load_bundle
from model.torch_classifier import TorchClassifier
from tests.support.checkpoints import write_checkpoint
from tests.support.labelled import lines, write_table, write_taxonomy

LAUNCHER = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
SETTINGS = """
epochs = 6
patience = 6
metric = "macro_f1"
learning_rate = 8e-3
batch_size = 16
max_tokens = 32
disguised = 0.1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run reads: labelled lines, a taxonomy, a base, settings."""
    folder = tmp_path_factory.mktemp("together")
    write_table(folder / "own.csv", lines(400))
    write_taxonomy(folder / "taxonomy.toml")
    write_checkpoint(folder / "base", spread=0.1)
    (folder / "settings.toml").write_text(f'base = "{folder / "base"}"\n{SETTINGS}')
    return folder


def test_two_processes_train_one_bundle(folder: Path) -> None:
    command: list[str | Path] = [sys.executable, *LAUNCHER, "-m", "stream", "train", folder / "own.csv"]
    command += ["-o", folder / "bundle", "--work", folder / "work", "--learning-curve", "60"]
    command += ["--taxonomy", folder / "taxonomy.toml", "--settings", folder / "settings.toml"]
    on_cpus = os.environ | {"CUDA_VISIBLE_DEVICES": ""}  # two processes cannot share a GPU
    done = subprocess.run(command, env=on_cpus, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert [Path(line).name for line in done.stdout.split()] == ["bundle", "bundle-report.json", "bundle-report.html"]
    # Half the steps of one process: each took every other batch of the 280 lines.
    assert done.stderr.count("training on 280 lines") == 1
    assert f"of {6 * -(-280 // (2 * 16))}:" in done.stderr
    # In the folder of checkpoints, and in the curve's scratch folders, which the leader has to name to the other.
    assert "best model" not in done.stderr, "a process could not load the best epoch"
    points = json.loads((folder / "bundle-report.json").read_text())["bundle"]["learning_curve"]
    assert [point["labels"] for point in points] == [60, 319]
    assert points[-1]["auc"][0] > 0.9
    scores = np.array(TorchClassifier(load_bundle(folder / "bundle"), "cpu")(["gg wp nice", "you idiot noob"]))
    assert list(scores.argmax(axis=1)) == [0, 1]
    assert not list(folder.glob(".*"))
