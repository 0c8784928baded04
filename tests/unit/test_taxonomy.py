"""A taxonomy is the customer's data: complete, and refused with the place and the mend."""

from pathlib import Path

import pytest

from schemas.taxonomy import Taxonomy, TaxonomyError

CLEAN = '[[categories]]\nname = "non_toxic"\nseverity = 0\ndescription = "fine"\n'
INSULT = '[[categories]]\nname = "insult"\nseverity = 2\ndescription = "aimed"\n'


def a_file(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "taxonomy.toml"
    path.write_text(f'name = "t"\n{body}')
    return path


def test_categories_keep_their_order(tmp_path: Path) -> None:
    taxonomy = Taxonomy.from_toml(a_file(tmp_path, INSULT + CLEAN))
    assert taxonomy.names == ("insult", "non_toxic")
    assert taxonomy.severities == (2, 0)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (INSULT + INSULT + CLEAN, "named twice: insult"),
        (INSULT + INSULT.replace("insult", "threat"), "add it with severity 0"),
        (INSULT + CLEAN.replace("0", "1"), "must have severity 0"),
        (INSULT.replace('"insult"', '"In sult"') + CLEAN, "should match pattern"),
        (INSULT.replace("2", "9") + CLEAN, "less than or equal to 4"),
        (INSULT.replace('"insult"', '"any"') + CLEAN, "'any' is no name for a category"),
        ("x = ", "Invalid value"),
    ],
)
def test_an_unusable_file_is_refused_with_its_name_and_the_fault(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(TaxonomyError, match=message) as caught:
        Taxonomy.from_toml(a_file(tmp_path, body))
    assert "taxonomy.toml" in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"nowhere\.toml"):
        Taxonomy.from_toml(tmp_path / "nowhere.toml")
