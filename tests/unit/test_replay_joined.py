"""Values joined into one text are the values that were joined, however they came and whichever are left out."""

import json

from hypothesis import given
from hypothesis import strategies as st

from stream.replay.history.joined import PADDING, Joined, Joiner
from stream.replay.history.told import Told

VALUES = st.lists(st.none() | st.binary(max_size=6) | st.sampled_from([b",", b"[]", b"{}"]), max_size=12)


def joined_in_pieces(values: list[bytes | None], size: int) -> Joined:
    joiner = Joiner()
    for low in range(0, len(values), size):
        joiner.add(values[low : low + size])
    assert len(joiner) == len(values)
    return joiner.take()


@given(VALUES, st.integers(1, 5))
def test_they_are_a_sequence_of_what_was_joined(values: list[bytes | None], size: int) -> None:
    joined = joined_in_pieces(values, size)
    assert list(joined) == values
    assert joined[1:] == values[1:]
    assert len(joined) == len(values)
    assert Joined.of(joined) is joined
    assert joined.text == Joined.of(values).text
    assert len(joined.text) == 2 * PADDING + sum(len(value or b"") + 1 for value in values) - bool(values)


@given(VALUES, st.data())
def test_a_few_are_left_out(values: list[bytes | None], data: st.DataObject) -> None:
    dropped = sorted(data.draw(st.sets(st.integers(0, len(values) - 1)))) if values else []
    left = Joined.of(values).without(dropped)
    expected = [value for place, value in enumerate(values) if place not in dropped]
    assert list(left) == expected
    assert left.text == Joined.of(expected).text


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), max_size=5), st.integers(1, 3))
def test_where_all_are_json_the_text_is_a_list_of_them(documents: list[dict[str, int]], size: int) -> None:
    values: list[bytes | None] = [json.dumps(document).encode() for document in documents]
    assert json.loads(joined_in_pieces(values, size).text) == documents


@given(st.lists(st.text(max_size=4).map(str.encode) | st.sampled_from([b"\\", b"\n", b"\x1f", b"\xff"]), max_size=6))
def test_values_are_plain_without_escapes_and_control_characters(values: list[bytes]) -> None:
    text = Joined.of(values)
    try:
        readable = bool(text.text.decode())
    except UnicodeDecodeError:
        readable = False
    assert text.plain().tolist() == [readable and not any(b < 0x20 or b == 0x5C for b in value) for value in values]


def test_a_joiner_begins_anew() -> None:
    joiner = Joiner()
    joiner.add([None, b"a"])
    assert list(joiner.take()) == [None, b"a"]
    joiner.add([b"b"])
    assert list(joiner.take()) == [b"b"]
    assert list(joiner.take()) == []


@given(st.lists(st.lists(st.binary(max_size=4), max_size=4), max_size=4), st.data())
def test_what_was_told_is_found_by_place(batches: list[list[bytes]], data: st.DataObject) -> None:
    told = Told()
    everything: list[bytes] = []
    for batch in batches:
        joined = Joined.of(batch)
        chosen = joined.start.argsort(kind="stable")[::2] if data.draw(st.booleans()) else None
        told.add(joined, chosen)
        everything += batch if chosen is None else batch[::2]
    assert len(told) == len(everything)
    if everything:
        places = data.draw(st.lists(st.integers(0, len(everything) - 1), max_size=6))
        assert told.at(places) == [everything[place] for place in places]
