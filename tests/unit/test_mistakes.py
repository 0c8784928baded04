"""What whoever operates it may get wrong: each mistake is told by its place, with exit code 2 and no traceback."""

import os
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from model.training.labels import DEFAULT_TAXONOMY
from stream.cli import app
from stream.commands.workshop import translated
from stream.errors import ConfigError, FileError
from tests.support.judges import an_event
from tests.support.labelled import lines, write_table

MAKE: Final = f"bundle make . -o {{out}} --taxonomy {DEFAULT_TAXONOMY}"


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CHATWARDEN__"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("chatter --count 1 --rate inf", "--rate"),
        ("chatter --count 1 --config nowhere.toml", "--config nowhere.toml: No such file"),
        ("demo --rate inf", "--rate"),
        ("demo --duration inf", "--duration"),
        ("doctor --only ,", "--only"),
        ("topics --partitions 0", "--partitions"),
        ("topics --retention events=nan", "--retention events=nan"),
        ("topics --retention events=1e-10", "--retention events=1e-10: give 0.01 (a quarter of an hour)"),
        ("moderate nowhere.jsonl", "nowhere.jsonl: No such file"),
        ("policy test nowhere", "nowhere: not a pack"),
        ("bundle verify nowhere", "nowhere: no such folder"),
        ("archive", "give --topic"),
        ("archive erase nowhere --player p", "nowhere: not an archive, so nothing was erased"),
        (
            f"bundle make . -o {{out}} --taxonomy {DEFAULT_TAXONOMY} --labels {{labels}} --temperature 0",
            "temperature: ",
        ),
        (
            f"bundle make . -o {{out}} --taxonomy {DEFAULT_TAXONOMY} --labels {{table}}",
            "labels: Field required; model: ",
        ),
        ("topics --config {url}", "strikes.advertised_url: "),
        ("topics --config {table}", "model: a table is needed (from {table}:1"),
    ],
)
def test_a_mistake_is_told_by_its_place(tmp_path: Path, line: str, told: str) -> None:
    files = {name: tmp_path / f"{name}.toml" for name in ("url", "table", "labels", "out")}
    files["labels"].write_text('[labels]\nA = "insult"\n')
    files["url"].write_text('[strikes]\nadvertised_url = "strikes:9465"\n')
    files["table"].write_text('model = "x"\n')
    result = CliRunner().invoke(app, line.format(**files).split())
    said = " ".join(result.output.split())
    if not isinstance(result.exception, SystemExit):  # told, with its own exit code, by whoever calls the application
        assert isinstance(result.exception, ConfigError)
        said = str(result.exception)
    else:
        assert result.exit_code == 2
    assert told.format(**files) in said


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("evaluate {own} --train nowhere.csv --model nowhere", "nowhere.csv: no such file"),
        ("compare {own} nowhere --train nowhere.csv", "nowhere.csv: no such file"),
        ("train nowhere.csv -o {used}", "used: not empty"),
        ("bundle make nowhere -o {used} --taxonomy {taxonomy} --labels {labels}", "used: not empty"),
        ("policy diff default kids nowhere.jsonl --model nowhere", "nowhere.jsonl: No such file"),
        ("evaluate nowhere.csv -o {used}/taken", "taken.json: Is a directory"),
        ("compare nowhere.csv nowhere -o {used}/taken.json", "taken.json: Is a directory"),
        ("train nowhere.csv -o {used}/bundle", "bundle-report.html: Is a directory"),
        ("train nowhere.csv -o {used}/new --work {own}", "own.csv: File exists"),
        ("train nowhere.csv -o {used}/new --sources jigsaw", "--sources jigsaw: give --public"),
        ("backtest --input nowhere.jsonl --report {own}/report", "own.csv is not a folder"),
        ("backtest merge nowhere --report {own}/report", "own.csv is not a folder"),
        ("backtest --input {own}.jsonl --input {cut} --verdicts nowhere", "recorded verdicts: nowhere matches no file"),
    ],
)
def test_what_is_missing_or_in_the_way_is_told_before_any_work(tmp_path: Path, line: str, told: str) -> None:
    """Each line has a second fault, which only the work would find."""
    names = {"own": "own.csv", "used": "used", "labels": "labels.toml", "cut": "packed.jsonl.gz"}
    files = {name: tmp_path / path for name, path in names.items()}
    write_table(files["own"], lines(30))
    (tmp_path / "own.csv.jsonl").write_bytes(an_event() + b"\n")
    files["cut"].write_bytes(b"no gzip")
    files["labels"].write_text('[labels]\nA = "insult"\n')
    for taken in ("taken.json", "bundle-report.html"):
        (files["used"] / taken).mkdir(parents=True)
    result = CliRunner().invoke(app, line.format(taxonomy=DEFAULT_TAXONOMY, **files).split())
    assert isinstance(result.exception, ConfigError | FileError)
    assert told in str(result.exception)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for command in ("compare nowhere.csv nowhere", "evaluate nowhere.csv"):
        result = CliRunner().invoke(app, [*command.split(), "--output", str(tmp_path / "file" / "in" / "x")])
        assert isinstance(result.exception, FileError)
        assert "file/in: Not a directory" in str(result.exception)
    with pytest.raises(FileError, match=r"nowhere/x\.json: No such file") as caught, translated():
        (tmp_path / "nowhere" / "x.json").write_text("{}")
    assert caught.value.exit_code == 74
