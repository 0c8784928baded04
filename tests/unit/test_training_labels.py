from pathlib import Path

import pytest

from model.training.labels import DEFAULT_MAPS, DEFAULT_TAXONOMY, LabelError, LabelMap, LabelMaps, Target
from model.training.sources import Example
from schemas.taxonomy import Category, Taxonomy

TAXONOMY = Taxonomy(
    name="small",
    categories=tuple(
        Category(name=name, severity=severity, description=name)
        for name, severity in (("non_toxic", 0), ("taunt", 1), ("insult", 2))
    ),
)
MAP = LabelMap(
    sources=("here",), weight=0.5, labels={"bad": ("insult",), "meh": ("taunt", "insult"), "ok": ("non_toxic",)}
)


def example(*labels: str, source: str = "here") -> Example:
    return Example("words", labels, source)


def test_a_label_may_stand_for_several_categories() -> None:
    targets = LabelMaps([MAP], TAXONOMY).targets([example("ok"), example("meh")])
    assert targets == [Target((0,), 0.5), Target((1, 2), 0.5)]


def test_the_first_label_of_the_map_decides() -> None:
    assert LabelMaps([MAP], TAXONOMY).targets([example("meh", "bad")]) == [Target((2,), 0.5)]


def test_unmapped_labels_are_all_listed_with_their_counts() -> None:
    examples = [
        example("ok"),
        example("odd"),
        example("odd"),
        example("bad", "rare"),
        example(),
        example("ok", source="there"),
    ]
    with pytest.raises(LabelError) as caught:
        LabelMaps([MAP], TAXONOMY).targets(examples)
    message = str(caught.value)
    for line in ("here: 'odd' (2 rows)", "here: 'bad + rare' (1 rows)", "here: no label (1 rows)", "there: 'ok'"):
        assert line in message


def test_a_map_to_categories_that_do_not_exist_is_refused() -> None:
    stranger = LabelMap(sources=("x",), labels={"a": ("spite", "insult")})
    with pytest.raises(LabelError, match=r"unknown categories spite.*non_toxic, taunt, insult"):
        LabelMaps([stranger], TAXONOMY)


def test_a_source_mapped_twice_is_refused() -> None:
    with pytest.raises(LabelError, match="mapped twice: here"):
        LabelMaps([MAP, MAP], TAXONOMY)


@pytest.mark.parametrize(
    "text", ["sources = []", "sources = ['x']\n[labels]\na = []", "sources = ['x'", "sources = ['x']\nfoo = 1"]
)
def test_a_broken_map_names_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LabelError, match=r"odd\.toml") as caught:
        LabelMaps.read(DEFAULT_TAXONOMY, tmp_path)
    assert "pydantic" not in str(caught.value)


def test_a_directory_without_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="no label maps"):
        LabelMaps.read(DEFAULT_TAXONOMY, tmp_path)


def test_the_default_maps_fit_the_default_taxonomy() -> None:
    maps = LabelMaps.read()
    assert {file.stem for file in DEFAULT_MAPS.glob("*.toml")} >= {"gametox", "conda", "jigsaw", "olid", "davidson"}
    assert maps.targets([Example("x", ("3",), "gametox")])[0].categories == (maps.taxonomy.names.index("hate"),)
