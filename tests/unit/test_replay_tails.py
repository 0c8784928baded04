"""Tails of verdicts are recognised by the last ones' shapes, whatever lengths come after one another."""

import numpy as np
import pytest

from stream.replay.history import joined
from stream.replay.history.joined import Joined, Pattern
from stream.replay.history.tails import KEPT, Shape, TailReader

DIGEST = b"0123456789abcdef" * 2


def a_tail(
    offset: bytes = b"42",
    partition: bytes = b"3",
    topic: bytes = b"chat.events",
    sent: bytes = b"2026-01-01T00:00:00Z",
    policy: bytes = DIGEST,
    decided: bytes = b"2026-01-01T00:00:01Z",
) -> bytes:
    return (
        b',"fingerprint":"%b","scorer":"%b","policy":"%b","sent_at":"%b","decided_at":"%b",'
        b'"origin":{"topic":"%b","partition":%b,"offset":%b}}'
    ) % (DIGEST, DIGEST, policy, sent, decided, topic, partition, offset)


def read(reader: TailReader, *values: bytes) -> list[tuple[int, int, int, bytes] | None]:
    """Return of each value where its tail begins in it, partition, offset and topic; None where it has no tail."""
    text = Joined.of(values)
    found = reader(text, np.ones(len(values), np.bool_))
    rows = zip(found.start - text.start, found.partition, found.offset, found.shape, strict=True)
    return [
        (int(start), int(partition), int(offset), found.endings[shape].topic) if shape >= 0 else None
        for start, partition, offset, shape in rows
    ]


def test_tails_of_all_lengths_are_read_in_one_batch_and_the_next() -> None:
    reader = TailReader()
    values = [a_tail(), b"head" + a_tail(b"0"), a_tail(b"43", b"17"), a_tail(b"9" * 18), a_tail(topic=b"other")]
    expected = [
        (0, 3, 42, b"chat.events"),
        (4, 3, 0, b"chat.events"),
        (0, 17, 43, b"chat.events"),
        (0, 3, 10**18 - 1, b"chat.events"),
        (0, 3, 42, b"other"),
    ]
    assert read(reader, *values) == expected
    assert read(reader, *reversed(values)) == expected[::-1]


@pytest.mark.parametrize(
    "odd",
    [
        a_tail(b"042"), a_tail(b"4 2"), a_tail(b"-42"), a_tail(b""), a_tail(b"9" * 19), a_tail(b"4a"), a_tail(b"4:"),
        a_tail(partition=b"03"), a_tail(partition=b"9" * 19),
        a_tail(sent=b'2026-01-01T00:00:0"Z'), a_tail(topic=b'chat".events'),
        a_tail(policy=DIGEST[1:]), a_tail().replace(b'"sent_at"', b'"sent.at"'), a_tail() + b" ", a_tail()[1:],
        a_tail()[:-1], b"", a_tail().replace(DIGEST, DIGEST[:-1] + b'"', 1),
    ],
)  # fmt: skip
def test_what_is_no_tail_is_none_before_and_behind_one(odd: bytes) -> None:
    (usual,) = read(TailReader(), a_tail())
    reader = TailReader()
    assert read(reader, odd, a_tail(), odd) == [None, usual, None]
    assert read(reader, a_tail(), odd) == [usual, None]


def test_a_zero_in_front_fits_no_shape_of_longer_numbers() -> None:
    assert read(TailReader(), a_tail(b"10"), a_tail(b"00"), a_tail(b"0"))[1] is None


def test_a_few_shapes_are_learnt_of_a_batch_and_the_last_ones_remembered() -> None:
    reader = TailReader()
    many = [a_tail(b"1" * length) for length in range(1, 19)]
    learnt, left = [True] * KEPT, [False] * (len(many) - KEPT)
    assert [each is not None for each in read(reader, *many)] == learnt + left
    assert all(read(reader, *many[: 2 * KEPT]))
    assert [each is not None for each in read(reader, *reversed(many))].count(True) == 2 * KEPT


def test_one_shape_is_enough_for_whatever_differs_from_verdict_to_verdict() -> None:
    seconds = range(10, 10 + 3 * KEPT)
    values = [
        a_tail(b"%d" % n, b"%d" % (n % 9), sent=b"2026-01-01T00:00:%dZ" % n, decided=b"2026-01-01T00:01:%dZ" % n)
        for n in seconds
    ]
    values = [value.replace(DIGEST, b"%032d" % number, 1) for number, value in enumerate(values)]
    assert read(TailReader(), *values) == [(0, n % 9, n, b"chat.events") for n in seconds]


def test_the_more_frequent_shapes_are_remembered() -> None:
    reader = TailReader()
    topics = [b"t" * length for length in range(1, 3 * KEPT + 1)]
    seldom, often, new = topics[:KEPT], topics[KEPT : 2 * KEPT], topics[2 * KEPT :]
    assert all(read(reader, *[a_tail(topic=topic) for topic in seldom]))
    assert all(read(reader, *[a_tail(topic=topic) for topic in (*seldom, *often, *often)]))
    assert all(read(reader, *[a_tail(topic=topic) for topic in (*often, *new)]))


def test_those_that_are_not_asked_for_are_left_alone() -> None:
    found = TailReader()(Joined.of([a_tail(), a_tail()]), np.array([False, True]))
    assert found.start.tolist()[0] == -1
    assert found.offset.tolist() == [-1, 42]


def test_a_longer_tail_than_a_text_is_padded_for_has_no_shape() -> None:
    assert Shape.of(a_tail(topic=b"t" * 200)) is not None
    assert Shape.of(a_tail(sent=b"t" * 400)) is None


def test_a_pattern_allows_what_it_says() -> None:
    pattern = Pattern(b'a"?9')
    pattern.allow_string(slice(2, 3))
    pattern.allow(slice(3, 4), ord("1"), 8)
    texts = [b'a"x1', b'a"\x009', b'a"\xff5', b'a""5', b'a"x0', b'a"x:', b"a'x1", b'b"x1']
    pieces = np.frombuffer(b"".join(texts), np.uint8).reshape(-1, 4)
    assert pattern.matches(pieces).tolist() == [True] * 3 + [False] * 5
    assert pattern.matches(pieces[:3]).tolist() == [True] * 3
    assert pattern.matches(pieces[:0]).tolist() == []


def test_slices_are_told_apart_by_every_byte() -> None:
    values = [b"the same beginning, 1", b"the same beginning, 2", b"the same beginning", b"the same beginning, 1"]
    text = Joined.of(values)
    distinct, place = text.slices(text.start, text.end)
    assert [distinct[number] for number in place.tolist()] == values
    assert len(distinct) == 3


def test_a_text_too_long_to_point_into_is_left_to_the_general_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Joined.of([b"plain"]).plain().tolist() == [True]
    monkeypatch.setattr(joined, "_MOST", 2_000)
    assert Joined.of([b"plain"]).plain().tolist() == [False]
