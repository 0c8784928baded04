"""``chatwarden policy test``: what it says and how it ends."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.rules import PACKS
from stream.cli import app
from stream.errors import ConfigError, LimitsExceeded

PACK = """
name = "small"
description = "A pack for tests."
categories = [{ name = "insult", severity = 2, description = "aimed at someone" }]
"""
RULES = """
[[rules]]
id = "turnip"
action = "block"
category = "insult"
words = ["turnip"]
hit = ["turnip", "turnips"]
miss = ["tulip"]
"""


def a_pack(folder: Path, rules: str = RULES, examples: str = "") -> Path:
    (folder / "pack.toml").write_text(PACK, encoding="utf-8")
    (folder / "rules.toml").write_text(rules, encoding="utf-8")
    (folder / "examples.jsonl").write_text(examples, encoding="utf-8")
    return folder


def test_the_shipped_packs_pass() -> None:
    names = sorted(path.parent.name for path in PACKS.glob("*/pack.toml"))
    assert names == ["default", "kids", "moba", "shooter"]
    result = CliRunner().invoke(app, ["policy", "test", *names])
    assert result.exit_code == 0
    assert result.stderr.count(" 0 missed") == len(names)


def test_a_miss_is_named_and_fails(tmp_path: Path) -> None:
    example = '{"text": "hello", "expect": "block"}\n{"text": "a turnip", "expect": "block", "rule": "swede"}\n'
    result = CliRunner().invoke(app, ["policy", "test", str(a_pack(tmp_path, examples=example))])
    assert isinstance(result.exception, LimitsExceeded)
    assert result.exception.exit_code == 1
    assert "rule 'turnip': 'turnips' must hit but does not" in result.stdout
    assert "examples.jsonl:1: 'hello': expected block, got open" in result.stdout
    assert "examples.jsonl:2: 'a turnip': rule 'swede' does not hit" in result.stdout


@pytest.mark.parametrize(
    ("rules", "examples", "says"),
    [
        (RULES.replace("words", "wordz"), "", "rules.toml:3: rule 'turnip'"),
        (RULES, '{"text": "hello", "expect": "ban"}', "examples.jsonl:1: expect"),
        (RULES, "{", "examples.jsonl:1: line"),
    ],
)
def test_a_broken_pack_is_a_configuration_error(tmp_path: Path, rules: str, examples: str, says: str) -> None:
    result = CliRunner().invoke(app, ["policy", "test", str(a_pack(tmp_path, rules, examples))])
    assert isinstance(result.exception, ConfigError)
    assert says in str(result.exception)
