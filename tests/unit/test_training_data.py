"""A studio's own lines: what their labels mean, what a message tells of them, and what leaks between two files."""

from pathlib import Path

import pytest

from model.errors import LeakError
from model.training.data import Columns, hold_back, read_mapped, read_own
from model.training.labels import MOST_LABELS, LabelError, LabelMaps
from model.training.tables import LONGEST_NAMED, SourceError
from tests.support.checkpoints import TAXONOMY
from tests.support.labelled import lines, write_table


def rows(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"text": text, "label": label} for text, label in pairs]


def refused(path: Path, columns: Columns | None = None) -> str:
    with pytest.raises(LabelError) as caught:
        read_own(path, columns or Columns(), TAXONOMY)
    return str(caught.value)


def test_labels_without_a_meaning_are_told_with_their_rows(tmp_path: Path) -> None:
    good = [(f"gg {place}", "non_toxic") for place in range(30)]
    table = rows(*good, ("a", "griefing"), ("", "griefing"), ("b", ""), ("c", "griefing"), ("d", "x" * 500))
    said = refused(write_table(tmp_path / "own.csv", table))
    assert "own.csv, column 'label'" in said
    assert "'griefing' (row 31 and 1 more)" in said
    assert "no label (row 33)" in said
    assert f"'{'x' * LONGEST_NAMED}…' (row 35)" in said


@pytest.mark.parametrize("number", [12, MOST_LABELS + 1])
def test_the_wrong_column_for_the_label_is_told_and_its_chat_is_not(tmp_path: Path, number: int) -> None:
    file = write_table(tmp_path / "own.csv", rows(*((f"secret {place}", "insult") for place in range(number))))
    said = refused(file, Columns(label="text"))
    assert f"column 'text': own lines: {number} different values" in said
    assert "is it the label column?" in said
    assert "secret" not in said


def test_a_few_labels_are_listed_and_no_more(tmp_path: Path) -> None:
    labels = [f"kind {place}" for place in range(30)]
    said = refused(write_table(tmp_path / "own.csv", rows(*((f"gg {n}", label) for label in labels for n in range(3)))))
    assert said.count("row ") == 20
    assert "and 10 more" in said


def test_a_match_in_two_files_of_ours_leaks(tmp_path: Path) -> None:
    made = lines(40, match="m")
    columns = Columns(match="match")
    own = read_own(write_table(tmp_path / "own.csv", made[:20]), columns, TAXONOMY)
    held = read_own(write_table(tmp_path / "held.csv", made[20:]), columns, TAXONOMY)
    apart = read_own(write_table(tmp_path / "apart.csv", made[21:]), columns, TAXONOMY)
    with pytest.raises(LeakError, match="0 texts and 1 matches"):
        hold_back(own, held)
    hold_back(own, apart)


def test_a_label_map_with_a_category_that_is_none_names_its_file(tmp_path: Path) -> None:
    table = write_table(tmp_path / "own.csv", rows(("gg", "ok")))
    (tmp_path / "map.toml").write_text('sources = ["x"]\n[labels]\nok = ["non_toxix"]\n')
    with pytest.raises(LabelError, match=r"map\.toml: .*unknown categories non_toxix"):
        read_own(table, Columns(), TAXONOMY, tmp_path / "map.toml")


@pytest.mark.parametrize(
    ("sources", "told"), [(["twitch"], "called twitch; known: conda"), ([], "no public set is named")]
)
def test_only_labelled_sets_are_offered(tmp_path: Path, sources: list[str], told: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_mapped(tmp_path, sources, LabelMaps.read(), [])
    assert told in str(caught.value)
    assert "twitch" not in str(caught.value).partition("known: ")[2]
