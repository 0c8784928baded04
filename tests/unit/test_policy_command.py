"""``chatwarden policy``: what it says and how it ends."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from model.rules import PACKS, load_pack
from stream.cli import app
from stream.errors import ConfigError, LimitsExceeded
from tests.support.checkpoints import tiny_bundle

NOW = "2026-01-01T00:00:00Z"

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
HUGE = RULES.replace('words = ["turnip"]', r"patterns = ['a\pL{50}'" + r", 'b\pL{50}', 'a\pL{50}'" * 100 + "]")


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
    assert re.search(r"rules\.toml:\d+: rule 'turnip': 'turnips' must hit but does not", result.stdout)
    assert "examples.jsonl:1: 'hello': expected block, got open" in result.stdout
    assert "examples.jsonl:2: 'a turnip': rule 'swede' does not hit" in result.stdout


def test_a_pack_extends_a_shipped_one_by_name_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    pack = a_pack(tmp_path) / "pack.toml"
    pack.write_text(f'{PACK}extends = "moba"\n', encoding="utf-8")
    assert {"turnip", "moba.grief"} < {rule.id for rule in load_pack(tmp_path).rules}
    pack.write_text(f'{PACK}extends = "mobba"\n', encoding="utf-8")
    wrong = {str(tmp_path): "nor is 'mobba' shipped (default, kids, moba, shooter)", "nosuch": "no pack.toml"}
    for name, says in wrong.items():
        result = CliRunner().invoke(app, ["policy", "test", name])
        assert isinstance(result.exception, ConfigError)
        assert says in str(result.exception)


@pytest.mark.parametrize(
    ("rules", "examples", "says"),
    [
        (RULES.replace("words", "wordz"), "", "rules.toml:3: rule 'turnip'"),
        (HUGE, "", "rules.toml:3: rule 'turnip': all 201 patterns of pack 'small' together"),
        (RULES, '{"text": "hello", "expect": "ban"}', "examples.jsonl:1: expect"),
        (RULES, "{", "examples.jsonl:1: line"),
    ],
)
def test_a_broken_pack_is_a_configuration_error(tmp_path: Path, rules: str, examples: str, says: str) -> None:
    result = CliRunner().invoke(app, ["policy", "test", str(a_pack(tmp_path, rules, examples))])
    assert isinstance(result.exception, ConfigError)
    assert says in str(result.exception)


def an_event(number: int, text: str) -> str:
    event = {"event_id": f"e{number}", "player_id": "p", "channel_id": "c", "text": text, "sent_at": NOW}
    return json.dumps(event) + "\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle").path


@pytest.fixture
def events(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(map(an_event, range(3), ["hello", "a turnip", "gg"])) + "{\n", encoding="utf-8")
    return file


def test_a_change_of_pack_shows_event_by_event(tmp_path: Path, bundle: Path, events: Path) -> None:
    (tmp_path / "pack").mkdir()
    pack = a_pack(tmp_path / "pack")
    run = ["policy", "diff", "default", str(pack), str(events), "--model", str(bundle), "--resolvers", "rules"]
    result = CliRunner().invoke(app, run)
    assert result.exit_code == 0, result.exception
    assert result.stdout == "e1  allow -> block insult  by turnip\n"
    assert "3 events, 1 verdicts change (33.33%)" in result.stderr
    assert "1 malformed" in result.stderr
    assert "turnip" not in result.stderr
    limited = CliRunner().invoke(app, [*run, "--max-changed", "0.1"])
    assert isinstance(limited.exception, LimitsExceeded)


def test_a_byte_order_mark_costs_no_event(tmp_path: Path, bundle: Path, events: Path) -> None:
    (tmp_path / "pack").mkdir()
    events.write_text(an_event(0, "a turnip") + an_event(1, "gg"), encoding="utf-8-sig")
    run = ["policy", "diff", "default", str(a_pack(tmp_path / "pack")), str(events)]
    result = CliRunner().invoke(app, [*run, "--model", str(bundle), "--resolvers", "rules"])
    assert result.stdout == "e0  allow -> block insult  by turnip\n"
    assert "malformed" not in result.stderr


def test_a_change_of_policy_is_decided_on_the_same_scores(tmp_path: Path, bundle: Path, events: Path) -> None:
    files = []
    for name, flag in (("old", 1.0), ("new", 0.0)):
        files.append(tmp_path / f"{name}.toml")
        files[-1].write_text(f'name = "{name}"\n[thresholds.insult]\nflag = {flag}\n', encoding="utf-8")
    run = ["policy", "diff", *map(str, files), str(events), "--model", str(bundle), "--resolvers", "classifier"]
    result = CliRunner().invoke(app, run)
    assert result.exit_code == 0, result.exception
    assert result.stdout.splitlines() == [f"e{number}  allow -> flag insult" for number in range(3)]


@pytest.mark.parametrize(
    ("names", "resolvers", "says"),
    [
        (("default", "nowhere.toml"), "rules", "nowhere.toml: neither"),
        (("default", __file__), "rules", "both"),
        (("default", "kids"), "rules,gate", "gate"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    bundle: Path, events: Path, names: tuple[str, str], resolvers: str, says: str
) -> None:
    run = ["policy", "diff", *names, str(events), "--model", str(bundle), "--resolvers", resolvers]
    result = CliRunner().invoke(app, run)
    assert isinstance(result.exception, ConfigError)
    assert says in str(result.exception)
