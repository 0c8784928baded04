"""A folder of checkpoints belongs to one run, and only a whole checkpoint is gone on from."""

import json
import shutil
from pathlib import Path

import pytest

from model.errors import WorkshopError
from model.training.data import Labelled, Sides
from model.training.labels import Target
from model.training.resume import RUN, claim, identity, last_checkpoint
from model.training.settings import TrainingSettings
from model.training.sources import Example
from model.training.train import train
from tests.support.checkpoints import TAXONOMY, tiny_bundle, write_checkpoint
from tests.support.labelled import lines


def labelled(count: int, seed: int = 7) -> Labelled:
    rows = lines(count, seed)
    places = [TAXONOMY.names.index(row["label"]) for row in rows]
    examples = [Example(row["text"], (row["label"],), "own") for row in rows]
    return Labelled(examples, [Target((place,), 1.0) for place in places])


def sides(seed: int = 7) -> Sides:
    return Sides(labelled(64), labelled(16, 11), labelled(16, seed))


def given(base: Path, **changes: object) -> TrainingSettings:
    return TrainingSettings.read(None, {"base": str(base), "epochs": 2, "max_tokens": 32, "mixed": "off"} | changes)


def test_a_run_of_other_lines_or_another_seed_is_refused_and_told(tmp_path: Path) -> None:
    run = identity(given(tmp_path), TAXONOMY, labelled(64), sides())
    claim(tmp_path, run)
    (tmp_path / "checkpoint-4").mkdir()
    claim(tmp_path, run)
    claim(tmp_path, identity(given(tmp_path, patience=9, precision=0.8), TAXONOMY, labelled(64), sides()))
    for other, told in [
        (identity(given(tmp_path, seed=99), TAXONOMY, labelled(64), sides()), "another run: seed is 99, there 7;"),
        (identity(given(tmp_path, epochs=8), TAXONOMY, labelled(64), sides()), r"epochs is 8\.0, there 2\.0;"),
        (identity(given(tmp_path), TAXONOMY, labelled(64), sides(5)), "another run: other held-out lines; name"),
        (identity(given(tmp_path), TAXONOMY, labelled(60), sides()), "other training lines"),
    ]:
        with pytest.raises(WorkshopError, match=told):
            claim(tmp_path, other)


def test_checkpoints_of_another_bundle_at_the_same_place_are_refused(tmp_path: Path) -> None:
    base, work = tmp_path / "base", tmp_path / "work"
    tiny_bundle(base, seed=7)
    work.mkdir()
    claim(work, identity(given(base), TAXONOMY, labelled(64), sides()))
    (work / "checkpoint-4").mkdir()
    shutil.rmtree(base)
    tiny_bundle(base, seed=8)
    with pytest.raises(WorkshopError, match="another run: other base; name"):
        claim(work, identity(given(base), TAXONOMY, labelled(64), sides()))


def test_checkpoints_that_nobody_signed_are_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-4").mkdir()
    run = identity(given(tmp_path), TAXONOMY, labelled(64), sides())
    with pytest.raises(WorkshopError, match=r"no run\.json .* name another folder"):
        claim(tmp_path, run)
    for broken, told in [("{", "not JSON"), ("[]", "not a JSON object"), ("{}", "other training lines")]:
        (tmp_path / RUN).write_text(broken)
        with pytest.raises(WorkshopError, match=told):
            claim(tmp_path, run)


def test_a_folder_without_checkpoints_is_anyones(tmp_path: Path) -> None:
    claim(tmp_path, identity(given(tmp_path), TAXONOMY, labelled(64), sides()))
    claim(tmp_path, identity(given(tmp_path, seed=99), TAXONOMY, labelled(64), sides()))
    assert json.loads((tmp_path / RUN).read_text())["settings"]["seed"] == 99


def test_a_run_goes_on_from_its_newest_whole_checkpoint(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings, work = given(write_checkpoint(tmp_path / "base")), tmp_path / "work"
    whole = train(settings, TAXONOMY, labelled(64), labelled(16, 11), work)
    assert last_checkpoint(work) == str(work / "checkpoint-4")
    shutil.copytree(work, tmp_path / "none")
    for gone in (work / "checkpoint-4" / "trainer_state.json", tmp_path / "none" / "checkpoint-2" / "optimizer.pt"):
        gone.unlink()
    (tmp_path / "none" / "checkpoint-4" / "trainer_state.json").write_text('{"epoch": ')
    caplog.clear()
    again = train(settings, TAXONOMY, labelled(64), labelled(16, 11), work)
    assert "checkpoint-4 is incomplete: skipped" in caplog.text
    assert f"resuming from {work / 'checkpoint-2'}" in caplog.text
    assert (again.dev_logits == whole.dev_logits).all()
    assert last_checkpoint(tmp_path / "none") is None


def test_a_checkpoint_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    settings, work = given(write_checkpoint(tmp_path / "base"), epochs=1), tmp_path / "work"
    train(settings, TAXONOMY, labelled(64), labelled(16, 11), work)
    (work / "checkpoint-2" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(WorkshopError, match="cannot resume"):
        train(settings, TAXONOMY, labelled(64), labelled(16, 11), work)
