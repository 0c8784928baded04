"""Matching a pack's patterns against a chunk of lines."""

import pytest

from model import rules_match
from model.rules import PACKS, load_pack


@pytest.mark.parametrize("memory", [1 << 17, rules_match.UNION_MEMORY], ids=["too-little", "as-shipped"])
def test_every_pattern_of_a_line_is_found(memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules_match, "UNION_MEMORY", memory)
    pack = load_pack(PACKS / "default")
    text = "add me on snap jon_99 and call 0170 1234567"
    found = pack.find(["nothing here", text, "x"])
    assert list(found) == [1]
    shown = {(pack.rules[hit.rule].detector, text[hit.start : hit.end]) for hit in found[1]}
    assert shown >= {("handle", "snap jon_99"), ("phone", "0170 1234567")}
    assert len(shown) == 3
