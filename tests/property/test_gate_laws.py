"""Laws of the gate's network: a text's score is its own, whatever stands beside it and whatever came before."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.gate_words import Words, gram_buckets
from model.normalise import canonical
from tests.support.gates import BUCKETS, a_net

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
lines = st.lists(st.one_of(words, st.sampled_from(["gg wp", "you rotten noob", "e50 at b4!", "а что"])), max_size=5)
texts = lines.map(" ".join).map(canonical)
SHARED = a_net()


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, max_size=8))
def test_a_score_does_not_depend_on_neighbours_or_memory(batch: list[str]) -> None:
    together = SHARED(batch)
    fresh = a_net()
    alone = [fresh([text])[0] for text in batch]
    assert np.array_equal(together, np.array(alone))


@settings(max_examples=50, deadline=None)
@given(st.lists(texts, min_size=1, max_size=40))
def test_forgetting_words_changes_no_score(batch: list[str]) -> None:
    forgetful = a_net(kept=(8, 12))
    assert np.array_equal(np.concatenate([forgetful([text]) for text in batch]), SHARED(batch))
    assert np.array_equal(forgetful(batch), SHARED(batch))


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
