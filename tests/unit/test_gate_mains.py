"""The gate's modules as commands: what is missing is one line and exit code 2; own chat is enough to distil from."""

import gzip
import importlib
import random
from pathlib import Path

import pytest

from model.bundle import load_bundle
from model.errors import DataError
from model.gate import load_gate
from model.training.evasion_report import survival
from model.training.gate_chat import LONGEST, NO_CHAT, OWN, Chat, gathered, with_own
from model.training.gate_check import unseen
from model.training.run_main import run_main
from model.training.splits import normal_form
from tests.support.checkpoints import WORDS, describe, tiny_bundle

MODULES = ("gate", "gate_check", "gate_kinds", "evasion_report")


def run(monkeypatch: pytest.MonkeyPatch, module: str, *arguments: object) -> None:
    monkeypatch.setattr("sys.argv", [module, *map(str, arguments)])
    run_main(importlib.import_module(f"model.training.{module}").main)


def chat_file(path: Path, number: int) -> Path:
    drawn = random.Random(3)
    lines = [" ".join(drawn.choices(WORDS, k=drawn.randint(1, 5))) for _ in range(number)]
    path.write_bytes(gzip.compress("\n".join([*lines, "", "gg " * LONGEST]).encode()))
    return path


@pytest.mark.parametrize("module", MODULES)
def test_a_missing_bundle_is_one_line_and_exit_code_2(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, module, "--bundle", tmp_path / "nowhere", "--data", tmp_path)
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path / 'nowhere'}: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("gate", "gametox_train.csv: no such file"),
        ("gate_kinds", "gametox_train.csv: no such file"),
        ("evasion_report", "gametox_dev.csv: no such file"),
        ("gate_check", "no gate; distil one with"),
    ],
)
def test_a_missing_set_and_a_bundle_without_a_gate_are_told(
    module: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_bundle(tmp_path / "bundle")
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, module, "--bundle", tmp_path / "bundle", "--data", tmp_path)
    assert caught.value.code == 2
    assert told in capsys.readouterr().err


def test_a_gate_is_distilled_from_own_chat_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_bundle(tmp_path / "bundle")
    file = chat_file(tmp_path / "chat.txt.gz", 400)
    run(monkeypatch, "gate", "--bundle", tmp_path / "bundle", "--chat", file, "--made", 50, "--epochs", 1)
    gate = load_gate(load_bundle(tmp_path / "bundle"))
    assert gate is not None
    assert f"{OWN} 0.99" in gate.entry.measured


def test_a_gate_is_taken_over_with_points_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bundle with other thresholds gets the same network, and limits and thresholds of its own."""
    old, new = tmp_path / "old", tmp_path / "new"
    tiny_bundle(old)
    tiny_bundle(new, describe(thresholds={"insult": 0.25, "threat": 0.25}))
    chat = ("--chat", chat_file(tmp_path / "chat.txt.gz", 400))
    run(monkeypatch, "gate", "--bundle", old, *chat, "--made", 50, "--epochs", 1)
    run(monkeypatch, "gate", "--bundle", new, *chat, "--gate-from", old)
    first, second = load_gate(load_bundle(old)), load_gate(load_bundle(new))
    assert first is not None
    assert second is not None
    assert first.digest == second.digest
    assert second.entry.points[0].limits == {"insult": 0.25, "threat": 0.25}
    assert second.entry.points[0].limits != first.entry.points[0].limits
    assert f"{OWN} 0.99" in second.entry.measured
    bare = tmp_path / "bare"
    tiny_bundle(bare)
    with pytest.raises(SystemExit):
        run(monkeypatch, "gate", "--bundle", new, *chat, "--gate-from", bare)
    assert capsys.readouterr().err.endswith(f"{bare}: it has no gate to take\n")
    mild = tmp_path / "mild"
    tiny_bundle(mild, describe(thresholds={"insult": 0.9999, "threat": 0.9999}))
    with pytest.raises(SystemExit):
        run(monkeypatch, "gate", "--bundle", mild, *chat, "--gate-from", old)
    assert "no held-out text reaches the limits" in capsys.readouterr().err
    assert load_gate(load_bundle(mild)) is None


def test_own_chat_stands_beside_public_chat_and_no_side_knows_another(tmp_path: Path) -> None:
    file = chat_file(tmp_path / "chat.gz", 400)
    public = Chat(["only theirs", "gg wp"], {"game": ["well played you"]}, {"game": ["push mid"]}, [], [])
    chat = with_own(public, [file])
    assert set(chat.chosen_on) == set(chat.measured_on) == {"game", OWN}
    assert "only theirs" in chat.train
    assert max(map(len, chat.train)) <= LONGEST
    sides = (chat.train, *chat.chosen_on.values(), *chat.measured_on.values())
    forms = [normal_form(text) for side in sides for text in side]
    assert len(forms) > 250
    assert not {normal_form(t) for t in chat.train} & {normal_form(t) for side in sides[1:] for t in side}


def test_chat_that_is_too_little_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "chat.txt"
    file.write_text("gg\nwp\n")
    with pytest.raises(DataError, match="no chat of own is left to measure on"):
        with_own(NO_CHAT, [file])
    with pytest.raises(DataError, match="no chat to learn from"):
        gathered(None, [])
    file.write_bytes("schön\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"chat\.txt, line 1: not UTF-8"):
        with_own(NO_CHAT, [file])
    (tmp_path / "gametox_train.csv").write_text("message,label\none,0\n")
    (tmp_path / "gametox_dev.csv").write_text("message,label\ntwo,0\n")
    (tmp_path / "conda_train.csv").write_text("match_id,utterance,intent,slot_tokens,seconds\n1,three,O,,1\n")

    def never(_: object) -> None:
        raise AssertionError("asked")

    with pytest.raises(DataError, match="too little chat of gametox, conda for two halves"):
        unseen(never, never, {"insult": 0.5}, ("non_toxic", "insult"), tmp_path)  # type: ignore[arg-type]  # never called
    with pytest.raises(DataError, match="no toxic line is caught"):
        survival(never, [], never)  # type: ignore[arg-type]  # never called
