"""The ledger: what may be read on, and what may be committed."""

from hypothesis import given
from hypothesis import strategies as st

from stream.strikes.ledger import Ledger


def test_what_was_read_in_another_epoch_is_dropped() -> None:
    ledger = Ledger[str]()
    ledger.open(1, {"a": 10})
    ledger.close()
    assert not ledger.take(1, {"a": 20}, {"a": 20})
    ledger.open(2, {"a": 10, "b": 0})
    assert not ledger.take(1, {"a": 20}, {"a": 20})
    assert ledger.take(2, {"a": 20, "of somebody else": 5}, {"a": 19, "of somebody else": 5})
    assert ledger.positions({"a", "b", "of somebody else"}) == {"a": 20, "b": 0}
    assert ledger.positions({"b"}) == {"b": 0}


def test_only_what_was_finished_in_this_epoch_is_due() -> None:
    ledger = Ledger[str]()
    ledger.open(1, {"a": 0})
    ledger.finish(1, "a", 4)
    ledger.finish(1, "b", 4)
    assert ledger.due() == {"a": 5}
    ledger.open(2, {"a": 0})
    ledger.finish(1, "a", 7)
    assert ledger.due() == {}


def test_what_is_finished_during_a_commit_stays_due() -> None:
    ledger = Ledger[str]()
    ledger.open(1, {"a": 0, "b": 0})
    ledger.finish(1, "a", 4)
    ledger.finish(1, "b", 4)
    offsets = ledger.due()
    ledger.finish(1, "a", 5)
    ledger.committed(1, offsets)
    assert ledger.due() == {"a": 6}
    ledger.committed(2, {"a": 6})
    assert ledger.due() == {"a": 6}


def test_what_is_committed_ends_where_records_do_not_where_the_log_does() -> None:
    ledger = Ledger[str]()
    ledger.open(1, {"a": 3})
    assert ledger.is_committed_to("a", 3)
    assert not ledger.is_read_to("a", 4)
    assert ledger.take(1, {"a": 20}, {"a": 18})
    assert ledger.is_read_to("a", 20)
    ledger.finish(1, "a", 16)
    ledger.committed(1, ledger.due())
    assert ledger.committed_to("a") == 17
    assert ledger.is_committed_to("a", 17)
    assert not ledger.is_committed_to("a", 18), "a record at 17 was read and is not committed"
    ledger.finish(1, "a", 17)
    ledger.committed(1, ledger.due())
    assert ledger.is_committed_to("a", 20), "at 18 and 19 there are no records"
    assert not ledger.is_committed_to("a", 21)
    assert not ledger.is_committed_to("of somebody else", 0)
    ledger.close()
    assert not ledger.is_committed_to("a", 3)


def test_in_hand_is_what_was_read_and_is_not_finished() -> None:
    ledger = Ledger[str]()
    ledger.open(1, {"a": 3, "b": 0})
    assert ledger.in_hand() == set()
    assert ledger.take(1, {"a": 9, "b": 4}, {"a": 7})
    assert ledger.in_hand() == {"a"}, "of b no record was read"
    ledger.finish(1, "a", 5)
    assert ledger.in_hand() == {"a"}
    ledger.finish(1, "a", 6)
    assert ledger.in_hand() == set()
    ledger.committed(1, ledger.due())
    assert ledger.in_hand() == set()


def test_nothing_more_of_what_was_forsaken_is_read_or_finished_in_its_epoch() -> None:
    ledger = Ledger[str]()
    ledger.open(1, {"a": 0, "b": 0})
    ledger.finish(1, "a", 1)
    ledger.forsake("a")
    ledger.finish(1, "a", 3)
    assert ledger.due() == {}
    assert ledger.positions({"a", "b"}) == {"b": 0}
    ledger.open(2, {"a": 0})
    ledger.finish(2, "a", 0)
    assert ledger.due() == {"a": 1}


class Client:
    """A Kafka client whose position moves whenever a fetch ends, whether anybody waited for it or not."""

    def __init__(self, log: list[int]) -> None:
        self.log = log
        self.position = 0

    def fetch(self, expected: int, count: int) -> tuple[list[int], int]:
        self.position = expected  # what VerdictConsumerThread does first when the two differ
        records = self.log[self.position : self.position + count]
        self.position += len(records)
        return records, self.position


@given(
    st.lists(st.tuples(st.sampled_from(("read", "lost", "overtaken", "rebalance", "commit")), st.integers(1, 5))),
)
def test_every_record_is_seen_in_order_whatever_happens_to_fetches(events: list[tuple[str, int]]) -> None:
    """A fetch may be lost (nobody waits for it any more) or overtaken by a rebalance; a rebalance may lose work."""
    ledger, client = Ledger[str](), Client(list(range(60)))
    committed, epoch, seen = 0, 1, list[int]()
    ledger.open(epoch, {"a": committed})
    for kind, count in (*events, *[("read", 5)] * 60):
        if kind == "commit":
            committed = ledger.due().get("a", committed)
            ledger.committed(epoch, ledger.due())
            continue
        if kind == "rebalance":
            epoch += 1
            ledger.open(epoch, {"a": committed})
            continue
        records, position = client.fetch(ledger.positions({"a"})["a"], count)
        if kind == "lost" or not ledger.take(epoch - (kind == "overtaken"), {"a": position}, {"a": position}):
            continue
        for record in records:
            assert record <= len(set(seen)), "a record was passed over"
            seen.append(record)
            ledger.finish(epoch, "a", record)
    assert sorted(set(seen)) == client.log
