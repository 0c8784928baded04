"""Dead letters: headers and limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.dead_letter import Rejection
from stream.dead_letters import DeadLetterLimits, dead_letter_headers
from stream.errors import TooManyDeadLetters
from stream.records import DeadLetter, Outgoing, Record
from stream.settings import DeadLetterSettings

GOOD = Outgoing(b"p", b"{}", None)


def a_letter(record: Record) -> DeadLetter:
    return DeadLetter(record, Rejection("not_json", "character 1: nonsense"))


def run(limits: DeadLetterLimits, flags: list[tuple[int, bool]]) -> DeadLetterLimits:
    """Count records given as (partition, broken)."""
    records = [Record(b"", index, "t", partition) for index, (partition, _) in enumerate(flags)]
    results = [a_letter(r) if broken else GOOD for r, (_, broken) in zip(records, flags, strict=True)]
    return limits.after(results, records)


def test_headers_say_why_and_where_from_and_keep_the_records_own() -> None:
    record = Record(b"{", 7, "chat.events", 3, b"k", (("trace", b"1"), ("dlq.cause", b"forged"), ("none", None)), 99)
    headers = dead_letter_headers(a_letter(record), "g")
    assert headers[:3] == record.headers
    assert dict(headers[3:]) == {
        "dlq.cause": b"not_json",
        "dlq.detail": b"character 1: nonsense",
        "dlq.topic": b"chat.events",
        "dlq.partition": b"3",
        "dlq.offset": b"7",
        "dlq.timestamp": b"99",
        "dlq.group": b"g",
    }
    assert dict(headers)["dlq.cause"] == b"not_json"


def test_as_many_in_a_row_as_allowed_pass_and_one_more_stops() -> None:
    limits = DeadLetterLimits(DeadLetterSettings(max_consecutive=5, max_ratio=1))
    limits = run(limits, [(0, True)] * 5)
    with pytest.raises(TooManyDeadLetters, match=r"6 dead letters in a row .*max_consecutive is 5.*t\[0\] offset 0"):
        run(limits, [(0, True)])
    assert run(limits, [(0, False), (0, True)]).ratio > 0.8


def test_a_row_is_counted_in_each_partition() -> None:
    limits = DeadLetterLimits(DeadLetterSettings(max_consecutive=5, max_ratio=1))
    limits = run(limits, [(0, True), (1, True)] * 5)
    run(limits, [(2, False)])
    with pytest.raises(TooManyDeadLetters):
        run(limits, [(2, False), (1, True)])


def test_the_ratio_counts_once_there_are_enough() -> None:
    limits = DeadLetterLimits(DeadLetterSettings(max_consecutive=10_000, max_ratio=0.5))
    limits = run(limits, [(0, True)] * 99)
    with pytest.raises(TooManyDeadLetters, match=r"100 of the last 100 .*max_ratio is 0\.5"):
        run(limits, [(0, True)])


def test_the_ratio_forgets() -> None:
    limits = DeadLetterLimits(DeadLetterSettings(max_consecutive=10_000, max_ratio=0.5))
    limits = run(limits, [(0, False)] * 2_000)
    limits = run(limits, [(0, True)] * 500)
    assert limits.ratio == 0.5
    with pytest.raises(TooManyDeadLetters, match="501 of the last 1000"):
        run(limits, [(0, True)])


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=300), st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_it_matters_not_how_the_input_is_cut(flags: list[tuple[int, bool]], size: int) -> None:
    chosen = DeadLetterSettings(max_consecutive=6, max_ratio=0.4)

    def stops(chunk: int) -> bool:
        limits = DeadLetterLimits(chosen)
        try:
            for start in range(0, len(flags), chunk):
                limits = run(limits, flags[start : start + chunk])
        except TooManyDeadLetters:
            return True
        return False

    assert stops(size) == stops(max(len(flags), 1))
