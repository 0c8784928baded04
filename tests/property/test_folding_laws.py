"""Leaving the folds out where there are none gives what the whole tokenizer gives."""

import json

from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Encoding, Tokenizer

from model.bundle import DEFAULT_BUNDLE, load_bundle
from model.encoding import Encoder
from model.folding import MAY_CHANGE
from model.pieces import load_tokenizer

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
