"""``chatwarden backtest`` as one calls it: what it refuses, what it writes, how it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stream.cli import app
from stream.errors import ChatwardenError, ConfigError, LimitsExceeded
from stream.replay.extras import check_extras
from stream.replay.job import Baseline
from stream.replay.request import milliseconds
from stream.replay.run import Shard
from tests.support.replays import record_history


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return record_history(tmp_path_factory.mktemp("history"), 400)


def backtest(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


def refusal(*arguments: object) -> ChatwardenError:
    done = backtest(*arguments)
    assert isinstance(done.exception, ChatwardenError), (done.output, done.exception)
    return done.exception


def test_a_report_is_written_and_limits_decide_how_it_ends(history: tuple[Path, Path], tmp_path: Path) -> None:
    policy = tmp_path / "strict.toml"
    policy.write_text('name = "strict"\n[thresholds.insult]\nflag = 0.05\n')
    report = tmp_path / "report"
    asked = ("--input", history[0], "--verdicts", history[1], "--policy", policy, "--report", report)
    done = backtest(*asked, "--max-flips", "0.1%")
    assert isinstance(done.exception, LimitsExceeded), (done.output, done.exception)
    assert done.exception.exit_code == 1
    assert "newly flagged" in done.output
    assert {path.name for path in report.iterdir()} == {"report.html", "report.json", "flips.parquet", "timing.json"}
    answer = json.loads((report / "report.json").read_bytes())
    assert answer["limits"][0]["met"] is False
    assert str(policy) in (report / "report.html").read_text()
    assert "seconds" not in (report / "report.json").read_text()


def test_too_few_verdicts_do_not_pass_unnoticed(history: tuple[Path, Path], tmp_path: Path) -> None:
    cut = tmp_path / "verdicts.jsonl"
    cut.write_text("".join(history[1].read_text().splitlines(keepends=True)[:100]))
    asked = ("--input", history[0], "--verdicts", cut, "--report", tmp_path / "report", "--max-flips", "5")
    assert backtest(*asked).exit_code == 0
    assert "limits missed: min_compared: 0.2" in str(refusal(*asked, "--min-compared", "0.99"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "either --topic or --input"),
        (("--topic", "t", "--input", "f"), "either --topic or --input"),
        (("--input", "EVENTS", "--from", "2026-01-01T00:00:00Z"), "files have none"),
        (("--input", "EVENTS"), "recorded verdicts are needed"),
        (("--input", "VERDICTS", "--depth", "full"), "carry no text"),
        (("--input", "VERDICTS", "--labels", "label"), "use --reviews"),
        (("--input", "EVENTS", "--baseline", "bundle:b", "--depth", "redecide"), "use --depth rescore"),
        (("--input", "EVENTS", "--verdicts", "VERDICTS", "--min-f1", "0.5"), "--min-f1 needs"),
        (("--input", "EVENTS", "--baseline", "labels"), "give recorded"),
        (("--topic", "t", "--shard", "0/2"), "--shard needs --to"),
    ],
)
def test_what_cannot_be_had_is_refused(
    history: tuple[Path, Path], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    places = {"EVENTS": str(history[0]), "VERDICTS": str(history[1])}
    named = [places.get(argument, argument) for argument in arguments]
    error = refusal(*named, "--report", tmp_path / "report")
    assert isinstance(error, ConfigError)
    assert said in str(error)
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("text", ["3", "2/2", "a/b", "-1/2", "1/"])
def test_a_shard_is_i_of_n(text: str) -> None:
    with pytest.raises(ConfigError, match="give i/N"):
        Shard.parse(text)
    assert Shard.parse("1/2") == Shard(1, 2)


def test_times_need_an_offset() -> None:
    assert milliseconds("--from", "1970-01-01T00:00:01.5+00:00") == 1_500
    assert milliseconds("--from", None) is None
    assert milliseconds("--from", "0001-01-01T00:00:00+05:00") == 0  # to Kafka a negative time is another question
    for text in ("yesterday", "2026-01-01T00:00:00"):
        with pytest.raises(ConfigError, match="--from"):
            milliseconds("--from", text)
    with pytest.raises(ConfigError, match="as in 2026-01-01T00:00:00Z"):
        milliseconds("--from", "2026-01-01")


def test_baselines_are_named_with_what_they_need() -> None:
    assert Baseline.parse("recorded") == Baseline("recorded", "")
    assert Baseline.parse("recorded:a.jsonl,b.jsonl").name == "a.jsonl,b.jsonl"
    assert Baseline.parse("policy:x:y.toml") == Baseline("policy", "x:y.toml")
    for text in ("policy", "bundle:", "other:x"):
        with pytest.raises(ConfigError):
            Baseline.parse(text)


def test_what_is_not_installed_is_named_before_anything_is_done() -> None:
    check_extras()
    with pytest.raises(ConfigError, match=r"pyarrow not installed.*workshop extra"):
        check_extras(lambda name: None if name == "pyarrow" else name)
