"""The worker's laws, whatever happens: crashes, rebalances, pauses, aborts, answers that get lost."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.records import DeadLetter, Outgoing, Partition, Record
from tests.support.fake_broker import Accident, FakeBroker, FakeSource, Results, Transaction, Trouble
from tests.support.judges import a_judge, an_event
from tests.support.workers import Bench

TOPIC = "chat.events"
JUDGE = a_judge()

items = st.one_of(
    st.sampled_from([an_event("hello"), an_event("rotten"), b"{", None]),
    st.sampled_from(list(Accident)),
)
inputs = st.lists(st.lists(items, max_size=12), min_size=1, max_size=3)
troubles = st.lists(st.sampled_from(list(Trouble)), max_size=12)


def positions(results: Results, ends: dict[Partition, int]) -> list[tuple[int, int]]:
    """Return the input positions that results are about."""
    found = []
    for result in results:
        if isinstance(result, DeadLetter):
            found.append((result.record.partition, result.record.offset))
        else:
            partition, offset = result.verdict.split(b'"partition":')[1].split(b',"offset":')
            found.append((int(partition), int(offset.split(b"}")[0])))
    return found


def hold(broker: FakeBroker) -> None:
    """Assert every law on what was committed."""
    committed: dict[Partition, int] = dict.fromkeys(broker.inputs, 0)
    written: list[tuple[int, int]] = []
    for transaction in broker.transactions:
        written += positions(transaction.results, dict(transaction.ends))
        for partition, end in transaction.ends.items():
            assert end > committed[partition], "a commit went back"
            committed[partition] = end
            produced = sum(number == partition.number and offset < end for number, offset in written)
            assert produced == end, "a commit passed a position that was not written, or one was written twice"
    expected = {(p.number, offset) for p, records in broker.inputs.items() for offset in range(len(records))}
    assert Counter(written) == Counter(expected), "each position has exactly one verdict or dead letter"
    for number in {number for number, _ in written}:
        offsets = [offset for n, offset in written if n == number]
        assert offsets == sorted(offsets), "order within a partition"


@given(inputs, troubles, st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_each_position_is_written_once_whatever_happens(
    given_inputs: list[list[bytes | Accident | None]], given_troubles: list[Trouble], chunk_size: int
) -> None:
    broker = FakeBroker(TOPIC, given_inputs)
    Bench(broker, JUDGE, chunk_size).run(given_troubles)
    hold(broker)


class PositionSource(FakeSource):
    """The trap of the official examples: it commits the consumer's position, which counts what was read ahead."""

    def ends(self, records: list[Record]) -> dict[Partition, int]:
        return {partition: self._positions[partition] for partition in super().ends(records)}


def test_committing_the_position_loses_what_was_read_ahead() -> None:
    broker = FakeBroker(TOPIC, [[an_event()] * 4 + [Accident.CRASH] + [an_event()] * 4])
    Bench(broker, JUDGE, 1, source=PositionSource).run()
    with pytest.raises(AssertionError, match="not written"):
        hold(broker)


def test_the_laws_notice_a_doubled_verdict() -> None:
    broker = FakeBroker(TOPIC, [[an_event()]])
    Bench(broker, JUDGE).run()
    hold(broker)
    broker.transactions.append(Transaction(broker.transactions[0].results, {}))
    with pytest.raises(AssertionError, match="exactly one"):
        hold(broker)


@given(inputs, troubles)
@settings(max_examples=50, deadline=None)
def test_verdicts_do_not_depend_on_what_happened(
    given_inputs: list[list[bytes | Accident | None]], given_troubles: list[Trouble]
) -> None:
    calm = [[item for item in partition if not isinstance(item, Accident)] for partition in given_inputs]
    brokers = FakeBroker(TOPIC, given_inputs), FakeBroker(TOPIC, calm)
    Bench(brokers[0], JUDGE, 2).run(given_troubles)
    Bench(brokers[1], JUDGE, 5).run()
    stormy, quiet = (
        {r.verdict for t in broker.transactions for r in t.results if isinstance(r, Outgoing)} for broker in brokers
    )
    assert stormy == quiet
