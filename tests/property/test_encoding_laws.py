"""Leaving out what finds nothing gives what the whole tokenizer gives."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Encoding, Regex, Tokenizer
from tokenizers.normalizers import NFD, NFKC, Lowercase, Prepend, Replace, Sequence

from model.bundle import DEFAULT_BUNDLE, load_bundle
from model.encoding import Encoder, for_ascii, read_as_ascii
from model.folding import MAY_CHANGE
from model.pieces import load_tokenizer
from tests.support.checkpoints import tiny_tokenizer

TOKENIZER = load_tokenizer(load_bundle(DEFAULT_BUNDLE))
TOKENIZER.enable_truncation(16, stride=4)
ENCODER = Encoder(TOKENIZER)
SIGNS = st.text("abko01345789@$ ._*-,|/!?'aa  ", max_size=30)
WORDS = st.lists(st.sampled_from(["gg", "n", "o", "b", "idiot", "n00b", "e50", "lool", "x.d", "ну", "👍", "é", "!!"]))
TEXTS = st.text(max_size=40) | SIGNS | WORDS.map(" ".join)


@given(st.lists(TEXTS, max_size=6))
@example(["you are bad", "n o o b", "noooob", "", "gg " * 40, "gg!!!", "a b", "a.b.c", "4 a b c"])
def test_every_text_is_encoded_as_by_the_whole_tokenizer(texts: list[str]) -> None:
    found, expected = ENCODER(texts), TOKENIZER.encode_batch(texts)
    assert [windows(each) for each in found] == [windows(each) for each in expected]


def windows(encoding: Encoding) -> list[list[int]]:
    return [encoding.ids, *(each.ids for each in encoding.overflowing)]


@given(SIGNS | WORDS.map(" ".join))
def test_no_fold_changes_a_text_that_is_sure_to_have_none(text: str) -> None:
    if MAY_CHANGE.search(text) is None:
        assert TOKENIZER.normalizer.normalize_str(text) == text


def test_most_ordinary_lines_are_sure_to_have_none() -> None:
    lines = ["gg wp", "why no ward?", "push mid, now!", "i have no mana", "r u ok", "it's 5 vs 4", "??"]
    assert not [line for line in lines if MAY_CHANGE.search(line)]


def test_a_tokenizer_with_other_folds_is_used_as_it_is() -> None:
    document = json.loads(TOKENIZER.to_str())
    document["normalizer"]["normalizers"].append({"type": "Replace", "pattern": {"String": "gg"}, "content": "bad"})
    other = Tokenizer.from_str(json.dumps(document))
    assert Encoder(other)(["gg"])[0].ids == other.encode("gg").ids == TOKENIZER.encode("bad").ids


def test_words_of_special_meaning_keep_it() -> None:
    other = Tokenizer.from_str(TOKENIZER.to_str())
    other.add_tokens(["gg wp"])
    texts = ["gg wp", "gg  wp", "GG WP"]
    assert [each.ids for each in Encoder(other)(texts)] == [each.ids for each in other.encode_batch(texts)]


def test_capitals_are_folded() -> None:
    assert ENCODER(["GG"])[0].ids == TOKENIZER.encode("gg").ids


def test_ascii_parts_are_spared_the_steps_that_find_nothing_there() -> None:
    brief = for_ascii(TOKENIZER)
    assert len(brief.normalizer) < len(TOKENIZER.normalizer) / 2
    for part in ["noooob", "f.u.c.k", "n00b", "(t-34),", "x", ""]:
        assert brief.encode(part, add_special_tokens=False).ids == TOKENIZER.encode(part, add_special_tokens=False).ids


def test_letters_that_a_tokenizer_replaces_first_are_known() -> None:
    found = read_as_ascii(TOKENIZER)
    assert [found.get(ord(letter)) for letter in "щьй😂é"] == ["sh", "", "i", None, None]
    tokenizer = tiny_tokenizer()
    tokenizer.normalizer = Sequence([NFD(), Replace(Regex("[й]"), "i")])
    assert read_as_ascii(tokenizer) == {}, "it has taken the letter apart before"
    tokenizer.normalizer = Sequence(
        [NFKC(), Replace(Regex("[йϲ]"), "i"), Replace("i", "o"), Replace(Regex("[щ]"), "s")]
    )
    assert read_as_ascii(tokenizer) == {ord("й"): "i"}
    tokenizer.add_tokens(["йод"])
    assert read_as_ascii(tokenizer) == {}, "it takes that word as a whole"


@pytest.mark.parametrize(
    "steps",
    [
        [Replace("o", "é"), Replace(Regex("[é]"), "u")],
        [Prepend("é"), Replace(Regex("[é]"), "u")],
        [Replace(Regex("[éo]"), "u")],
        [Replace(Regex("[^é]"), "u")],
        [Replace(Regex("[é]|o"), "u")],
        [Lowercase()],
    ],
)
def test_steps_that_may_find_something_in_ascii_stay(steps: list[Any]) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.normalizer = Sequence(steps)
    assert for_ascii(tokenizer) is tokenizer


def test_a_tokenizer_that_knows_foreign_words_keeps_all_steps() -> None:
    tokenizer = Tokenizer.from_str(TOKENIZER.to_str())
    tokenizer.add_tokens([AddedToken("ﬁ", normalized=True)])
    assert for_ascii(tokenizer) is tokenizer
    assert Encoder(tokenizer)(["fi"])[0].ids == tokenizer.encode("fi").ids
