"""A file of training settings: the bundle that ships is the base, and a mistyped key is answered with the nearest."""

from pathlib import Path

import pytest

from model.bundle import DEFAULT_BUNDLE
from model.errors import WorkshopError
from model.training.settings import TrainingSettings, suited_rate


def test_a_file_without_a_base_begins_with_the_bundle_that_ships(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("epochs = 2\n")
    assert TrainingSettings.read(path, {"base": None, "seed": 9}) == TrainingSettings(
        base=str(DEFAULT_BUNDLE), epochs=2, seed=9
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("epoch = 2", "epoch: unknown setting; did you mean epochs?"),
        ("lora = {rnk = 4}", "lora.rnk: unknown setting; did you mean rank?"),
        ("zzz = 2", "zzz: unknown setting"),
        ("epochs = 0", "epochs: Input should be greater than 0"),
    ],
)
def test_a_fault_names_its_key(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(line)
    with pytest.raises(WorkshopError) as caught:
        TrainingSettings.read(path, {})
    assert str(caught.value) == f"{path}: {told}"


def test_a_smaller_network_learns_faster() -> None:
    assert suited_rate(110_000_000) == pytest.approx(5e-5)
    assert suited_rate(5_600_000) == pytest.approx(2.2e-4)
    assert suited_rate(355_000_000) == pytest.approx(2.8e-5)
    assert suited_rate(10_000) == pytest.approx(3e-4)
