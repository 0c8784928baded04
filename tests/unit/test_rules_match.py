"""Matching a pack's patterns against a chunk of lines."""

import json
from pathlib import Path

import pytest

from model import rule_patterns
from model.pack_files import PackError
from model.rules import PACKS, load_pack

HEAD = """
name = "huge"
description = "A pack for tests."
categories = [{ name = "insult", severity = 2, description = "aimed at someone" }]
"""


def a_rule(name: str, patterns: list[str]) -> str:
    lines = ["[[rules]]", f'id = "{name}"', 'action = "flag"', 'category = "insult"', 'hit = ["x"]', 'miss = ["y"]']
    return "\n".join([*lines, f"patterns = {json.dumps(patterns)}", ""])


@pytest.mark.parametrize("memory", [1 << 17, rule_patterns.UNION_MEMORY], ids=["too-little", "as-shipped"])
def test_every_pattern_of_a_line_is_found(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_patterns, "UNION_MEMORY", memory)
    pack = load_pack(PACKS / "default")
    text = "add me on snap jon_99 and call 0170 1234567"
    found = pack.find(["nothing here", text, "x"])
    assert list(found) == [1]
    shown = {(pack.rules[hit.rule].detector, text[hit.start : hit.end]) for hit in found[1]}
    assert shown >= {("handle", "snap jon_99"), ("phone", "0170 1234567")}
    assert len(shown) == 3


def test_patterns_that_are_too_large_together_are_refused_at_the_largest_rule(tmp_path: Path) -> None:
    large = [r"a\pL{50}", r"b\pL{50}"]  # in turns: two to compile alone, and none merged with its neighbour
    (tmp_path / "pack.toml").write_text(HEAD, encoding="utf-8")
    rules = a_rule("small", ["gems"]) + a_rule("large", large * 100)
    (tmp_path / "rules.toml").write_text(rules, encoding="utf-8")
    with pytest.raises(PackError) as refusal:
        load_pack(tmp_path)
    (line,) = str(refusal.value).splitlines()
    assert line.startswith(f"{tmp_path / 'rules.toml'}:9: rule 'large': all 201 patterns of pack 'huge' together")
    assert "more than 64 MiB: lower the repetition counts, remove patterns or split the pack by game" in line
