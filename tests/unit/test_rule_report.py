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
