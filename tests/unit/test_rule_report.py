"""The report on what rules mark: whose lines count as undisputed, and what is told."""

from pathlib import Path

import pytest

from model.training import rule_report
from model.training.rule_report import toxic, undisputed


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "gametox_train.csv").write_text("message,label\npush mid,0\nkys,0\nbad bot,0\nbad bot,1\nwww.a.org,0\n")
    (tmp_path / "gametox_dev.csv").write_text("message,label\nPush  mid,0\nkys,4\n")
    conda = [
        "match_id,utterance,intent,slot_tokens,seconds",
        "1,noob,E,noob (T),1",
        "1,report him,A,,2",
        "1,www.a.org,O,,3",
    ]
    (tmp_path / "conda_train.csv").write_text("\n".join(conda) + "\n")
    return tmp_path


def test_a_text_that_any_set_calls_something_else_is_disputed(data: Path) -> None:
    assert undisputed(data, "gametox") == ["push mid", "www.a.org"]
    assert undisputed(data, "gametox_dev") == ["push mid"]
    assert undisputed(data, "conda") == ["www.a.org"]


def test_a_call_for_a_report_is_neither_clean_nor_toxic(data: Path) -> None:
    assert toxic(data, "conda") == ["noob"]
    assert toxic(data, "gametox") == ["bad bot"]


def test_the_report_counts_false_alarms_and_what_is_found(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["rule_report", "--data", str(data), "--show"])
    rule_report.main()
    told = capsys.readouterr().out.splitlines()
    assert "    spam: www.a.org" in told
    assert "gametox: rules mark 1 of 2 undisputed clean texts (50.000%): spam 1" in told
    assert "gametox_dev: rules mark 1 of 1 toxic texts (100.000%): self_harm 1" in told


WHO = ["you", "this team", "our mid", "the carry", "arty", "my ally", "their support", "top lane", "he", "she"]


def _lines(clean: str, toxic: str) -> list[tuple[str, str]]:
    """Twenty plain lines, a link and two that only the labels call clean, then eighteen toxic ones."""
    plain = [(f"{who} {what}", clean) for who in WHO for what in ("goes mid now", "please push")]
    hostile = [f"{who} {what}" for who in WHO for what in ("idiot kys", "is such an idiot kys")]
    return [
        *plain,
        ("www.a.org", clean),
        *((text, clean) for text in hostile[:2]),
        *((text, toxic) for text in hostile[2:]),
    ]


def test_what_a_model_disputes_is_left_out_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{text},{label}" for text, label in _lines("0", "1")]
    (tmp_path / "gametox_train.csv").write_text("\n".join(["message,label", *rows]) + "\n")
    (tmp_path / "gametox_dev.csv").write_text("message,label\nplease goes mid now,0\nour idiot idiot kys,0\n")
    rows = [f"1,{text},{label},{text.split()[-1]} (T),1" for text, label in _lines("O", "E")]
    (tmp_path / "conda_train.csv").write_text(
        "\n".join(["match_id,utterance,intent,slot_tokens,seconds", *rows]) + "\n"
    )
    monkeypatch.setattr("sys.argv", ["rule_report", "--data", str(tmp_path), "--disputes"])
    rule_report.main()
    told = capsys.readouterr().out.splitlines()
    for name, marked, of in (("gametox", 3, 23), ("gametox_dev", 1, 2), ("conda", 3, 23)):
        assert any(line.startswith(f"{name}: rules mark {marked} of {of} undisputed clean texts") for line in told)
    for name, marked, of in (("gametox", 1, 21), ("gametox_dev", 0, 1), ("conda", 1, 21)):
        twice = f"{name}: rules mark {marked} of {of} undisputed clean (by the model, too) texts"
        assert any(line.startswith(twice) for line in told)
