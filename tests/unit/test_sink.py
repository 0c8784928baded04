"""The transaction, step by step, and every way in which a step fails."""

from typing import cast

import pytest
from confluent_kafka import KafkaError, Producer

from schemas.dead_letter import Rejection
from stream.errors import ChatwardenError, ConfigError, Fenced, OutcomeUnknown, TransactionAborted, TransportError
from stream.kafka_config import producer_properties
from stream.records import DeadLetter, Outgoing, Partition, Record
from stream.settings import KafkaSettings, TopicSettings
from stream.sink import KafkaSink
from tests.support.clocks import ManualClock
from tests.support.fake_clients import FakeProducer, failure

TOPICS = TopicSettings()
BROKEN = Record(None, 5, "chat.events", 1, b"key", (("own", b"1"),))
RESULTS: list[Outgoing | DeadLetter] = [
    Outgoing(b"p", b"allowed", None),
    DeadLetter(BROKEN, Rejection("null_value", "nothing")),
    Outgoing(b"p", b"blocked", b"blocked, with the event"),
]
ENDS = {Partition("chat.events", 1): 7}
OFFSETS, COMMIT, ABORT = "send_offsets_to_transaction", "commit_transaction", "abort_transaction"


def a_sink(producer: FakeProducer, clock: ManualClock | None = None) -> KafkaSink:
    clock = clock or ManualClock()
    properties = producer_properties(KafkaSettings(), "a")
    connect = cast("type[Producer]", producer)
    sink = KafkaSink(TOPICS, properties, "g", connect, clock, clock.advance, lambda: 0.0)
    sink.renew()
    producer.calls.clear()
    return sink


def test_everything_goes_into_one_transaction_in_order() -> None:
    producer = FakeProducer({})
    a_sink(producer).commit(RESULTS, ENDS, "group", 10)
    assert producer.calls == ["poll", "begin_transaction", *["produce"] * 4, OFFSETS, COMMIT]
    assert producer.records == [
        (TOPICS.verdicts, b"allowed"),
        (TOPICS.dead_letters, None),
        (TOPICS.verdicts, b"blocked"),
        (TOPICS.flagged, b"blocked, with the event"),
    ]
    assert [(place.topic, place.partition, place.offset) for place in producer.offsets] == [("chat.events", 1, 7)]


ROWS: dict[str, tuple[str, list[Exception | None], type[ChatwardenError] | None]] = {
    "retriable": (COMMIT, [failure(KafkaError.COORDINATOR_NOT_AVAILABLE, retriable=True), None], None),
    "resumed after a time-out": (COMMIT, [failure(KafkaError._TIMED_OUT, retriable=True), None], None),
    "retriable for ever": (COMMIT, [failure(KafkaError._TIMED_OUT, retriable=True)] * 99, OutcomeUnknown),
    "requires abort": (
        COMMIT,
        [failure(KafkaError.TRANSACTION_ABORTABLE, txn_requires_abort=True)],
        TransactionAborted,
    ),
    "another generation": (
        OFFSETS,
        [failure(KafkaError.ILLEGAL_GENERATION, txn_requires_abort=True)],
        TransactionAborted,
    ),
    "not allowed": (
        OFFSETS,
        [failure(KafkaError.GROUP_AUTHORIZATION_FAILED, txn_requires_abort=True)],
        TransactionAborted,
    ),
    "offsets that timed out, whatever the flag": (
        OFFSETS,
        [failure(KafkaError._TIMED_OUT, retriable=True), None],
        OutcomeUnknown,
    ),
    "a time-out that cannot be resumed": (OFFSETS, [failure(KafkaError._TIMED_OUT)], OutcomeUnknown),
    "a lost connection": (COMMIT, [failure(KafkaError._TRANSPORT, txn_requires_abort=True)], OutcomeUnknown),
    "fatal": (COMMIT, [failure(KafkaError.INVALID_TXN_STATE, fatal=True)], OutcomeUnknown),
    "no flag": ("begin_transaction", [failure(KafkaError._STATE)], OutcomeUnknown),
    "fenced by a peer": (COMMIT, [failure(KafkaError._FENCED, fatal=True)], Fenced),
    "too large for a topic": ("produce", [failure(KafkaError.MSG_SIZE_TOO_LARGE)], ConfigError),
}


@pytest.mark.parametrize("row", ROWS)
def test_each_failure_ends_as_the_table_says(row: str) -> None:
    step, raised, ends_as = ROWS[row]
    producer = FakeProducer({step: list(raised)})
    sink = a_sink(producer)
    if ends_as is None:
        sink.commit(RESULTS, ENDS, "group", 10)
    else:
        with pytest.raises(ends_as):
            sink.commit(RESULTS, ENDS, "group", 10)
    aborted = ends_as in (TransactionAborted, ConfigError)
    assert producer.calls[-2:] == ["flush", ABORT] if aborted else ABORT not in producer.calls


def test_an_abort_that_fails_leaves_the_outcome_unknown() -> None:
    producer = FakeProducer(
        {
            COMMIT: [failure(KafkaError.TRANSACTION_ABORTABLE, txn_requires_abort=True)],
            ABORT: [failure(KafkaError.INVALID_TXN_STATE, fatal=True)],
        }
    )
    with pytest.raises(OutcomeUnknown, match="aborting failed"):
        a_sink(producer).commit(RESULTS, ENDS, "group", 10)


def test_fenced_after_the_transaction_timed_out_is_no_peer() -> None:
    clock = ManualClock()

    class Slow(FakeProducer):
        def commit_transaction(self, timeout: float) -> None:
            clock.advance(11)
            super().commit_transaction(timeout)

    producer = Slow({COMMIT: [failure(KafkaError._FENCED, fatal=True)]})
    with pytest.raises(OutcomeUnknown):
        a_sink(producer, clock).commit(RESULTS, ENDS, "group", 10)


@pytest.mark.parametrize(
    ("code", "ends_as", "said"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, ConfigError, "Raise max.message.bytes of verdicts"),
        (KafkaError._MSG_TIMED_OUT, OutcomeUnknown, "was not delivered"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, TransactionAborted, "was not delivered"),
    ],
)
def test_a_record_that_was_not_delivered_names_the_cause(code: int, ends_as: type[Exception], said: str) -> None:
    producer = FakeProducer({COMMIT: [failure(KafkaError._FAIL, txn_requires_abort=True)]})
    producer.undelivered = KafkaError(code)
    with pytest.raises(ends_as, match=said):
        a_sink(producer).commit(RESULTS, ENDS, "group", 10)


def test_a_full_queue_is_waited_for_and_nothing_is_dropped() -> None:
    producer = FakeProducer({"produce": [None, BufferError(), BufferError(), None]})
    a_sink(producer).commit(RESULTS, ENDS, "group", 10)
    assert len(producer.records) == 4
    assert producer.calls.count("poll") == 1 + 2


def test_a_queue_that_stays_full_leaves_the_outcome_unknown() -> None:
    clock = ManualClock()

    class Stuck(FakeProducer):
        def poll(self, timeout: float) -> int:
            clock.advance(1)
            return super().poll(timeout)

    with pytest.raises(OutcomeUnknown, match="no room"):
        a_sink(Stuck({"produce": [BufferError()] * 99}), clock).commit(RESULTS, ENDS, "group", 10)


def test_the_time_given_is_kept() -> None:
    clock = ManualClock()
    producer = FakeProducer({COMMIT: [failure(KafkaError._TIMED_OUT, retriable=True)] * 999})
    started = clock()
    with pytest.raises(OutcomeUnknown):
        a_sink(producer, clock).commit(RESULTS, ENDS, "group", 1)
    assert clock() - started < 1.1


def test_a_start_that_timed_out_is_resumed_with_the_same_producer() -> None:
    producer = FakeProducer({"init_transactions": [failure(KafkaError._TIMED_OUT, retriable=True)]})
    properties = producer_properties(KafkaSettings(), "a")
    sink = KafkaSink(TOPICS, properties, "g", cast("type[Producer]", producer))
    with pytest.raises(TransportError):
        sink.renew()
    sink.renew()
    assert producer.calls == ["connect", "init_transactions", "init_transactions"]


@pytest.mark.parametrize("step", ["connect", "init_transactions"])
def test_a_producer_that_cannot_start_is_tried_again(step: str) -> None:
    producer = FakeProducer({step: [failure(KafkaError._ALL_BROKERS_DOWN, retriable=True)]})
    with pytest.raises(TransportError):
        a_sink(producer)
    a_sink(producer).commit(RESULTS, ENDS, "group", 10)


def test_after_a_lost_connection_a_new_producer_is_wanted() -> None:
    producer = FakeProducer({})
    sink = a_sink(producer)
    producer.lose_a_connection()
    with pytest.raises(OutcomeUnknown, match="a connection was lost"):
        sink.commit(RESULTS, ENDS, "group", 10)
    assert producer.calls == ["poll"]
    sink.renew()
    sink.commit(RESULTS, ENDS, "group", 10)
    assert COMMIT in producer.calls


def test_without_a_producer_nothing_is_pretended() -> None:
    sink = a_sink(FakeProducer({}))
    sink.close()
    with pytest.raises(OutcomeUnknown, match="renew"):
        sink.commit(RESULTS, ENDS, "group", 10)
