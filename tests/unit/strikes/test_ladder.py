"""The ladder file: defaults, what a game changes, and what is refused."""

from pathlib import Path

import pytest

from stream.errors import ConfigError
from stream.strikes.ladder import Ladders
from tests.support.processes import ROOT


def written(folder: Path, text: str) -> Path:
    path = folder / "ladder.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    return path


def test_a_game_inherits_what_it_does_not_change(tmp_path: Path) -> None:
    ladders = Ladders.from_toml(
        written(
            tmp_path, "[default.flood]\nrepeats = 9\n[games.chess]\nhalf_life_s = 60\n[games.chess.raid]\nplayers = 3\n"
        )
    )
    chess = ladders.of("chess").ladder
    assert (chess.half_life_s, chess.flood.repeats, chess.raid.players) == (60, 9, 3)
    assert ladders.of("other").ladder.half_life_s == 86_400
    assert ladders.of("chess").digest != ladders.of("other").digest
    assert ladders.of("other").digest == ladders.of("yet another").digest


def test_a_change_to_one_game_leaves_the_digest_of_another(tmp_path: Path) -> None:
    before = Ladders.from_toml(written(tmp_path, "[games.a]\ncool_down_s = 5\n[games.b]\ncool_down_s = 5\n"))
    after = Ladders.from_toml(written(tmp_path, "[games.a]\ncool_down_s = 6\n[games.b]\ncool_down_s = 5\n"))
    assert before.of("a").digest != after.of("a").digest
    assert before.of("b").digest == after.of("b").digest


def test_another_action_than_the_defaults_mute_needs_no_duration(tmp_path: Path) -> None:
    text = '[default.flood]\naction = "warn"\n[default.raid]\naction = "mute"\nduration_s = 60\n'
    ladders = Ladders.from_toml(written(tmp_path, text + '[games.chess.raid]\naction = "refer"\n'))
    flood, raid, chess = ladders.default.flood, ladders.default.raid, ladders.of("chess").ladder
    assert (flood.action, flood.duration_s) == ("warn", None)
    assert (raid.duration_s, chess.raid.duration_s, chess.flood.action) == (60, None, "warn")


def test_each_fault_is_told_once(tmp_path: Path) -> None:
    text = '[[default.rungs]]\npoints = 2\naction = "ban"\n[default.pattern]\nfloor = 7\n'
    with pytest.raises(ConfigError) as caught:
        Ladders.from_toml(written(tmp_path, text))
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        [f"{tmp_path}/ladder.toml:3", "default.rungs.0.action"],
        [f"{tmp_path}/ladder.toml:5", "default.pattern.floor"],
    ]


def test_a_fault_of_the_default_is_not_told_again_for_each_game(tmp_path: Path) -> None:
    text = "[default.raid]\nplayers = 1\n[games.chess]\nhalf_life_s = 0\n[games.go.raid]\nplayers = 1\n"
    with pytest.raises(ConfigError) as caught:
        Ladders.from_toml(written(tmp_path, text))
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        [f"{tmp_path}/ladder.toml:2", "default.raid.players"],
        [f"{tmp_path}/ladder.toml:4", "games.chess.half_life_s"],
        [f"{tmp_path}/ladder.toml:6", "games.go.raid.players"],
    ]


@pytest.mark.parametrize(
    "line",
    [
        "half_life_s = true",
        'half_life_s = "60"',
        "flag_weight = true",
        "severity_points = [0.5, 1, 2, 4, true]",
        "flood.repeats = true",
        "flood.enabled = 1",
        "pattern.threshold = inf",
        "pile_on.leap = true",
        "rungs = [{points = true, action = 'warn'}]",
    ],
)
def test_a_number_is_no_truth_and_no_text(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=rf"ladder\.toml:2: default\.{line.split()[0]}"):
        Ladders.from_toml(written(tmp_path, f"[default]\n{line}\n"))


def test_whole_numbers_may_stand_where_others_may(tmp_path: Path) -> None:
    ladder = Ladders.from_toml(written(tmp_path, "[default]\nflag_weight = 1\nseverity_points = [0, 1, 2, 3, 4]\n"))
    assert (ladder.default.flag_weight, ladder.default.severity_points) == (1.0, (0.0, 1.0, 2.0, 3.0, 4.0))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("default = 3", "default"),
        ("[default]\nhalf_life = 3", "default.half_life"),
        ('[[default.rungs]]\npoints = 2\naction = "mute"', "default.rungs.0"),
        ('[[default.rungs]]\npoints = 2\naction = "warn"\nduration_s = 5', "default.rungs.0"),
        ('[[default.rungs]]\npoints = 2\naction = "warn"\n[[default.rungs]]\npoints = 2\naction = "refer"', "default"),
        ("[default.pile_on]\nbaseline_s = 10", "default.pile_on"),
        ("[games]\nchess = 3", "games.chess"),
        ("[default", "ladder.toml: not TOML"),
        ('name = "\udcff"', "ladder.toml:1: not UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Ladders.from_toml(written(tmp_path, text))
    assert place in str(caught.value)
    assert "ladder.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        Ladders.from_toml(tmp_path / "nowhere.toml")


def test_the_example_is_a_ladder_and_mostly_the_default() -> None:
    example = Ladders.from_toml(ROOT / "deploy" / "ladders" / "example.toml")
    assert example.default == Ladders().default
    assert not example.of("chess").ladder.flood.enabled
    assert example.of("chess").ladder.raid == example.default.raid
