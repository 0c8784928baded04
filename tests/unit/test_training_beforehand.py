"""What a training run is refused for before it costs anything."""

from pathlib import Path

import pytest

from model.errors import BundleError, DataError, WorkshopError
from model.training.beforehand import (
    LEAST,
    refuse_half_matched,
    refuse_one_sided,
    refuse_places,
    refuse_sizes,
)
from model.training.data import Labelled
from model.training.labels import Target
from model.training.sources import Example
from tests.support.checkpoints import TAXONOMY


@pytest.mark.parametrize("name", ["my bundle", "-x", "x" * 101, "größe"])
def test_a_folder_that_no_bundle_can_be_called_by_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(WorkshopError, match="starting with a letter or digit; name another folder"):
        refuse_places(tmp_path / name, None)


@pytest.mark.parametrize(("output", "work"), [("x", "x"), ("x", "x/work"), ("work/x", "work"), ("a/../x", "x")])
def test_the_bundle_and_the_checkpoints_lie_apart(tmp_path: Path, output: str, work: str) -> None:
    with pytest.raises(WorkshopError, match="need separate folders"):
        refuse_places(tmp_path / output, tmp_path / work)


def test_folders_are_made_and_one_in_use_is_refused(tmp_path: Path) -> None:
    refuse_places(tmp_path / "in" / "x", tmp_path / "work")
    assert (tmp_path / "in").is_dir()
    assert (tmp_path / "work").is_dir()
    with pytest.raises(BundleError, match="not empty"):
        refuse_places(tmp_path, None)


def test_sizes_that_teach_nothing_are_refused() -> None:
    refuse_sizes((LEAST, 100))
    with pytest.raises(WorkshopError, match="--learning-curve: 0, -5: sizes must be at least 40 labels"):
        refuse_sizes((0, 100, -5))


def labelled(*labels: str, match: str = "") -> Labelled:
    examples = [Example(f"line {place}", (label,), "own", match) for place, label in enumerate(labels)]
    return Labelled(examples, [Target((TAXONOMY.names.index(label),), 1.0) for label in labels])


def test_lines_of_one_kind_are_refused() -> None:
    refuse_one_sided("training", labelled("non_toxic", "insult"), TAXONOMY)
    with pytest.raises(DataError, match="no toxic line among 2 training lines"):
        refuse_one_sided("training", labelled("non_toxic", "non_toxic"), TAXONOMY)
    with pytest.raises(DataError, match="no clean line among 3 held-out lines"):
        refuse_one_sided("held-out", labelled("insult", "threat", "insult"), TAXONOMY)


def test_lines_of_which_only_some_have_a_match_are_refused() -> None:
    half = Labelled(
        [*labelled("insult", match="m1").examples, *labelled("threat").examples], labelled("insult", "threat").targets
    )
    refuse_half_matched(Path("own.csv"), None, half)
    refuse_half_matched(Path("own.csv"), "game", labelled("insult", match="m1"))
    with pytest.raises(DataError, match=r"own\.csv: 1 of 2 lines have no value in column 'game'"):
        refuse_half_matched(Path("own.csv"), "game", half)
