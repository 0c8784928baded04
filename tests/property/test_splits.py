from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import LeakError
from model.training.sources import Example
from model.training.splits import (
    HEAD,
    normal_form,
    refuse_leaks,
    split_by_match,
    split_by_text,
    without,
)

WORDS = st.sampled_from(
    ["gg", "GG!", "ggg", "noob", "n\u200boob", "Nooooob", "push mid", "push  mid.", "?", "!!", "so bad", "so bad?!"]
)
TEXTS = st.one_of(WORDS, st.text(min_size=1, max_size=12))
EXAMPLES = st.lists(
    st.builds(
        lambda text, label, match: Example(text, (label,), "set", match),
        TEXTS,
        st.sampled_from("012"),
        st.sampled_from([f"m{n}" for n in range(12)]),
    ),
    max_size=60,
)
SEEDS = st.integers(0, 2**32)


@given(TEXTS)
def test_the_normal_form_is_its_own_normal_form(text: str) -> None:
    once = normal_form(text)
    assert normal_form(once) == once


@given(EXAMPLES, SEEDS)
@settings(max_examples=60)
def test_a_split_by_text_leaks_nothing_and_loses_no_training_row(examples: list[Example], seed: int) -> None:
    split = split_by_text(examples, dev=0.2, test=0.3, seed=seed)
    held = split.dev + split.test
    forms = [normal_form(example.text) for example in held]
    assert len(forms) == len(set(forms))
    trained = {normal_form(example.text) for example in split.train}
    assert not trained & set(forms)
    assert Counter(e for e in examples if normal_form(e.text) in trained) == Counter(split.train)


@given(EXAMPLES, SEEDS)
@settings(max_examples=60)
def test_head_and_disputed_texts_always_train(examples: list[Example], seed: int) -> None:
    split = split_by_text(examples, dev=0.5, test=0.5, seed=seed)
    labels: dict[str, set[tuple[str, ...]]] = {}
    for example in examples:
        labels.setdefault(normal_form(example.text), set()).add(example.labels)
    counts = Counter(normal_form(example.text) for example in examples)
    head = {form for form, count in counts.items() if count >= HEAD}
    bound = head | {form for form, kinds in labels.items() if len(kinds) > 1}
    assert {normal_form(example.text) for example in split.train} == bound


@given(EXAMPLES, SEEDS)
@settings(max_examples=40)
def test_the_order_of_the_input_changes_no_side(examples: list[Example], seed: int) -> None:
    shuffled = sorted(examples, key=lambda example: normal_form(example.text)[::-1])
    before, after = (split_by_text(rows, dev=0.2, test=0.3, seed=seed) for rows in (examples, shuffled))
    for side in ("train", "dev", "test"):
        forms = [{normal_form(e.text) for e in getattr(split, side)} for split in (before, after)]
        assert forms[0] == forms[1]


@given(EXAMPLES, SEEDS)
@settings(max_examples=60)
def test_a_split_by_match_keeps_matches_whole_and_texts_unseen(examples: list[Example], seed: int) -> None:
    split = split_by_match(examples, dev=0.3, test=0.3, seed=seed)
    refuse_leaks(split.train, split.dev)
    refuse_leaks(split.train + split.dev, split.test)


def test_labels_keep_their_shares() -> None:
    examples = [
        Example(f"{n % 10}x{n // 10 % 10}x{n // 100}", ("1" if n % 5 == 0 else "0",), "set") for n in range(1_000)
    ]
    split = split_by_text(examples, dev=0.1, test=0.2, seed=3)
    assert Counter(e.labels[0] for e in split.test) == {"0": 160, "1": 40}
    assert Counter(e.labels[0] for e in split.dev) == {"0": 80, "1": 20}


@pytest.mark.parametrize(("times", "trained"), [(HEAD, HEAD), (HEAD - 1, 0)])
def test_a_text_is_bound_to_train_from_the_head_on(times: int, trained: int) -> None:
    split = split_by_text([Example("gg", ("0",), "set")] * times, dev=0.5, test=0.5, seed=1)
    assert len(split.train) == trained


def test_leaks_are_counted_and_refused() -> None:
    train = [Example("noob!", ("1",), "a", "m1"), Example("hi", ("0",), "a", "m2")]
    with pytest.raises(LeakError, match="1 texts and 1 matches"):
        refuse_leaks(train, [Example("NOOB", ("1",), "a", "m2")])
    refuse_leaks(train, [Example("NOOB", ("1",), "b", "m2")][:0])
    assert without(train, [Example("NOOB", ("1",), "a")]) == train[1:]


def test_a_set_without_matches_cannot_be_split_by_match() -> None:
    with pytest.raises(LeakError, match="without a match"):
        split_by_match([Example("hi", ("0",), "a")], dev=0.1, test=0.1, seed=1)
