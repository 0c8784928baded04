"""Laws of the gate's network: a text's score is its own, whatever stands beside it and whatever came before."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.normalizers import Replace

import model
from model import parts
from model.gate_net import MAX_TOKENS
from model.gate_parts import PartRows
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
foreign = st.text(st.sampled_from("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґαϲςſßéЖ\u0306\u0301ae1!.-<>"), max_size=7)
disguised = st.text(st.sampled_from("aeio0134579@$!?.,:*_'"), max_size=7)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(plain, foreign, words, disguised), max_size=20))
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


@pytest.mark.parametrize("limit", ["MOST_PARTS", "MOST_LETTERS"])
@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(texts, min_size=1, max_size=9), max_size=5))
def test_numbering_parts_anew_changes_no_score(limit: str, chunks: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, limit, 9)
        again = [SHARED(chunk) for chunk in chunks]
    assert all(np.array_equal(scores, SHARED(chunk)) for scores, chunk in zip(again, chunks, strict=True))


alike = st.one_of(st.text("ab", max_size=9), st.text("ab", max_size=3).map("alongbeginning".__add__))
some_alike = st.lists(st.one_of(alike, words), max_size=9).map(" ".join).map(canonical)


@pytest.mark.parametrize("bits", [1, 3, 18])
@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(some_alike, max_size=6), max_size=4))
def test_parts_are_numbered_as_a_dictionary_would(bits: int, chunks: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "_BITS", bits)
        numbering = parts.Numbering()
        known: dict[str, int] = {}
        for chunk in chunks:
            lines = parts.Lines(chunk, numbering)
            for few in (lines, lines.also(chunk)):
                split = [text.split(" ") for text in chunk]
                written = [part for found in split for part in found]
                assert few.parts(np.arange(len(few.numbers))) == written
                known.update(zip(written, few.numbers.tolist(), strict=True))
                assert [known[part] for part in written] == few.numbers.tolist()
                assert few.firsts.tolist() == [sum(map(len, split[:text])) for text in range(len(split))]
                assert few.lasts.tolist() == [sum(map(len, split[: text + 1])) - 1 for text in range(len(split))]
                assert few.inner.tolist() == [place < len(found) - 1 for found in split for place in range(len(found))]
        assert sorted({"": 0, **known}.values()) == list(range(len(numbering)))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(some_alike, max_size=6), max_size=4))
def test_the_rows_of_parts_are_put_together(chunks: list[list[str]]) -> None:
    kept = PartRows()
    known: dict[str, list[int]] = {}
    for chunk in chunks:
        given_twice = [parts.read(chunk), parts.read(chunk)]
        _, unmet = kept.rows(given_twice)
        written = [text.split(" ") for text in chunk]
        assert set(unmet.values()) == {part for found in written for part in found} - known.keys()
        known.update({part: list(range(len(known), len(known) + len(part) % 4)) for part in unmet.values()})
        kept.keep({number: known[part] for number, part in unmet.items()})
        expected = [row for found in written for row in (*(row for part in found for row in known[part]), 0)]
        assert kept.rows(given_twice)[0].tolist() == [0, *expected, *expected]


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
