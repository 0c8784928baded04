"""Languages: told where the text is long and clear enough, unknown otherwise, and only asked where a rule needs it."""

from pathlib import Path

import pytest

from model.language import Languages
from stream import wiring
from stream.errors import ConfigError
from stream.settings import Settings
from tests.support.checkpoints import tiny_bundle
from tests.unit.test_policy_command import RULES, a_pack


def test_clear_texts_are_told_and_short_ones_are_not() -> None:
    tell = Languages(frozenset({"de", "ru"}))
    assert tell("ich gehe jetzt in die mitte und du bleibst da") == "de"
    assert tell("что ты делаешь там в углу") == "ru"
    assert tell("i am going to the middle lane now and you stay there") == "en"
    assert tell("gg wp") == ""
    assert tell("") == ""


def test_a_language_that_cannot_be_told_is_refused() -> None:
    with pytest.raises(ValueError, match="xx"):
        Languages(frozenset({"xx"}))


def settings_with(tmp_path: Path, rules: str) -> Settings:
    (tmp_path / "pack").mkdir()
    pack = a_pack(tmp_path / "pack", rules)
    return Settings.model_validate(
        {
            "model": {"bundle": tiny_bundle(tmp_path / "bundle").path},
            "pipeline": {"resolvers": ["rules"]},
            "policy": {"packs": {"default": str(pack)}},
        }
    )


def test_languages_are_told_only_where_a_rule_asks(tmp_path: Path) -> None:
    assert wiring.scorer(settings_with(tmp_path, RULES)).identify is None


def test_a_rule_for_one_language_has_languages_told(tmp_path: Path) -> None:
    scorer = wiring.scorer(settings_with(tmp_path, RULES.replace("words", 'langs = ["de"]\nwords')))
    assert scorer.identify is not None
    assert scorer.identify("ich gehe jetzt in die mitte und du bleibst da") == "de"


def test_a_rule_for_no_known_language_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="xx"):
        wiring.scorer(settings_with(tmp_path, RULES.replace("words", 'langs = ["xx"]\nwords')))


@pytest.mark.parametrize(
    "line",
    [
        "die mannschaft hat das spiel leider verloren",
        "вы все die сегодня вечером плохо играли",
        "les gars on a perdu cette partie encore",
        "el equipo ha perdido la partida otra vez",
    ],
)
def test_a_language_that_no_rule_names_is_not_taken_for_one_that_some_do(line: str) -> None:
    assert Languages(frozenset({"en"}))(line) == ""
