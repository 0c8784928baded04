"""The L0 cache: what is asked again stays, what is not makes room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.memory import MemoryResolver
from model.resolver import Answer, Floor, Span, Text

SOME = Answer((0.9, 0.1), "classifier")


def test_unknown_texts_stay_open() -> None:
    assert MemoryResolver(2)([Text("a"), Text("b")]) == [None, None]


def test_a_remembered_answer_is_whole_and_names_the_cache() -> None:
    memory = MemoryResolver(2)
    found = Answer((0.2, 0.8), "rule", Floor("block", 1), (Span(0, 3, "r1"),))
    memory.remember({Text("a", "en"): found})
    assert memory([Text("a", "en"), Text("a", "de")]) == [
        Answer((0.2, 0.8), "cache", Floor("block", 1), (Span(0, 3, "r1"),)),
        None,
    ]


def test_what_was_asked_again_outlives_what_was_not() -> None:
    memory = MemoryResolver(3)
    memory.remember(dict.fromkeys(map(Text, "abc"), SOME))
    memory([Text("a")])
    memory.remember({Text("d"): SOME})
    replies = memory([Text(letter) for letter in "abcd"])
    assert [reply is not None for reply in replies] == [True, False, True, True]


def test_the_hand_goes_on_from_where_it_stopped() -> None:
    memory = MemoryResolver(4)
    memory.remember(dict.fromkeys(map(Text, "abcd"), SOME))
    memory([Text("a")])
    memory.remember({Text("e"): SOME})  # clears a's bit, evicts b
    memory.remember({Text("f"): SOME})  # stands at c; a is older but was passed
    replies = memory([Text(letter) for letter in "abcdef"])
    assert [reply is not None for reply in replies] == [True, False, False, True, True, True]


def test_nothing_to_keep_is_no_capacity() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MemoryResolver(0)


@given(st.integers(1, 5), st.lists(st.tuples(st.booleans(), st.sampled_from("abcdefgh"))))
def test_never_over_capacity_and_never_a_wrong_answer(capacity: int, steps: list[tuple[bool, str]]) -> None:
    memory = MemoryResolver(capacity)
    last: str | None = None
    for writes, letter in steps:
        if writes:
            memory.remember({Text(letter): Answer((ord(letter) / 1000,), "classifier")})
            last = letter
        (reply,) = memory([Text(letter)])
        assert reply is None or reply.scores == (ord(letter) / 1000,)
        assert reply is not None or letter != last
        assert len(memory) <= capacity
        last = letter if reply is not None else None
