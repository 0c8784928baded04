"""Laws of the gate's network: a text's score is its own, whatever stands beside it and whatever came before."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.normalizers import Replace

import model
from model import gate_parts
from model.gate_net import MAX_TOKENS
from model.gate_parts import Parts
from model.gate_words import Words, gram_buckets
from model.normalise import canonical
from model.pieces import quick_encode
from tests.support.checkpoints import tiny_tokenizer
from tests.support.gates import BUCKETS, a_net, weights

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
lines = st.lists(st.one_of(words, st.sampled_from(["gg wp", "you rotten noob", "e50 at b4!", "а что"])), max_size=5)
texts = lines.map(" ".join).map(canonical)
SHARED = a_net()
TOKENIZER = Tokenizer.from_file(str(Path(model.__path__[0]) / "bundled" / "tokenizer.json"))
TOKENIZER.no_truncation()
QUICK = quick_encode(TOKENIZER)


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=8))
def test_a_score_does_not_depend_on_neighbours_or_memory(batch: list[str]) -> None:
    together = SHARED(batch)
    fresh = a_net()
    alone = [fresh([text])[0] for text in batch]
    assert np.array_equal(together, np.array(alone))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(texts, st.integers(0, MAX_TOKENS).map("a b ".__mul__).map(canonical)), min_size=1, max_size=80)
)
def test_a_score_is_what_the_network_says_word_by_word(batch: list[str]) -> None:
    assert SHARED(batch).tolist() == [_by_definition(text) for text in batch]


def _by_definition(text: str) -> float:
    """Return a text's score as the network is defined, one word after another, in whole numbers."""
    stored, reader = weights(), Words(BUCKETS)
    tokens = [token for found in reader.split(text.split(" ")) for token in found]
    if len(tokens) > MAX_TOKENS:
        return float("inf")
    scaled = np.rint(stored.words.astype(np.float64) * stored.scale * 2**20)
    meanings = [np.zeros((3, len(stored.words_bias)))]
    for token in tokens:
        rows, (count,) = reader.bags([token])
        bag = np.rint(stored.grams[rows].astype(np.float64).sum(axis=0) * 64 / np.sqrt(count))
        meanings.append(np.rint(scaled @ bag / (64 * 2**20 / 4_096)).reshape(3, -1))
    meanings.append(meanings[0])
    bias = np.rint(stored.words_bias * np.float32(4_096))
    features = [
        np.maximum(before[0] + own[1] + after[2] + bias, 0)
        for before, own, after in zip(meanings, meanings[1:], meanings[2:], strict=False)
    ] or [0 * bias]
    pooled = np.concatenate(
        [np.max(features, axis=0), np.rint(np.float32(np.sum(features, 0)) / np.float32(len(features)))]
    )
    weighed = np.rint(stored.hidden.astype(np.float64) * 1_024) @ pooled
    hidden = np.rint(np.maximum(weighed + np.rint(stored.hidden_bias.astype(np.float64) * 1_024 * 4_096), 0) / 1_024)
    distances = np.rint(stored.out.astype(np.float64) * 1_024) @ hidden / (4_096 * 1_024) + stored.out_bias
    return float(distances.max())


plain = st.from_regex(r"[a-z]{0,9}[0-9]{0,3}[!?.,:;]{0,3}", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(plain, words, st.text(st.sampled_from("aeio0134579@$!?.,:*_'"), max_size=7)), max_size=20))
def test_plain_words_are_read_as_the_whole_tokenizer_reads_them(parts: list[str]) -> None:
    whole = [TOKENIZER.encode(part, add_special_tokens=False).ids for part in parts]
    assert [list(pieces) for pieces in QUICK(parts)] == whole


@pytest.mark.parametrize(("pattern", "by"), [("o", "u"), ("!", " ! !"), ("1", "i")])
def test_a_tokenizer_that_folds_plain_words_reads_them_all(pattern: str, by: str) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.normalizer = Replace(pattern, by)
    parts = ["noob", "noob!", "mid1", "go", "x"]
    whole = [tokenizer.encode(part, add_special_tokens=False).ids for part in parts]
    assert [list(pieces) for pieces in quick_encode(tokenizer)(parts)] == whole


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, min_size=1, max_size=40))
def test_forgetting_words_changes_no_score(batch: list[str]) -> None:
    forgetful = a_net(kept=(8, 12))
    assert np.array_equal(np.concatenate([forgetful([text]) for text in batch]), SHARED(batch))
    assert np.array_equal(forgetful(batch), SHARED(batch))


alike = st.one_of(st.text("ab", max_size=9), st.text("ab", max_size=3).map("alongbeginning".__add__))
some_alike = st.lists(st.one_of(alike, words), max_size=9).map(" ".join).map(canonical)


@pytest.mark.parametrize("bits", [1, 3, 16])
@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(some_alike, max_size=6), max_size=4))
def test_parts_are_kept_as_a_dictionary_would_keep_them(bits: int, chunks: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate_parts, "_BITS", bits)
        parts = Parts()
        expected: dict[str, list[int]] = {"\n": [0], "": []}
        for chunk in chunks:
            written = " ".join(["\n", *(f"{text} \n" for text in chunk)] if chunk else ["\n", "", "\n"]).split(" ")
            new = [part for part in dict.fromkeys(written) if part not in expected]
            _, unmet = parts.rows(chunk)
            assert unmet == new
            expected.update({part: list(range(len(expected), len(expected) + len(part) % 4)) for part in new})
            parts.keep({part: expected[part] for part in unmet})
            assert parts.rows(chunk)[0].tolist() == [row for part in written for row in expected[part]]


@settings(max_examples=200, deadline=None)
@given(texts)
def test_tokens_leave_nothing_but_blanks_out(text: str) -> None:
    parts = text.split(" ")
    written = ["".join(map(str, found)) for found in Words(BUCKETS).split(parts)]
    assert written == [part.translate(str.maketrans("123456789", "0" * 9)) for part in parts]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=9), min_size=1, max_size=9
    )
)
def test_a_words_buckets_are_its_own(batch: list[str]) -> None:
    buckets, counts = gram_buckets(batch, BUCKETS)
    start = 0
    for word, count in zip(batch, counts.tolist(), strict=True):
        assert sorted(gram_buckets([word], BUCKETS)[0]) == sorted(buckets[start : start + count])
        start += count
    assert start == len(buckets)
