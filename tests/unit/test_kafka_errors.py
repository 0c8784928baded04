"""The error table: one decision for each row of docs/reliability.md."""

import pytest
from confluent_kafka import KafkaError

from stream.errors import ConfigError, TransportError
from stream.kafka_errors import Fault, Reading, cause_of, fault_of, reading_of, transport_error

CODES = KafkaError


def error(code: int, *, fatal: bool = False, retriable: bool = False, txn_requires_abort: bool = False) -> KafkaError:
    return KafkaError(code, "because", fatal, retriable, txn_requires_abort)


ROWS = {
    "retriable": (error(CODES.NOT_COORDINATOR, retriable=True), Fault.RETRY),
    "a call that timed out and can be resumed": (error(CODES._TIMED_OUT, retriable=True), Fault.RETRY),
    "requires abort": (error(CODES.TRANSACTION_ABORTABLE, txn_requires_abort=True), Fault.ABORT),
    "fenced": (error(CODES._FENCED, fatal=True), Fault.FENCED),
    "fenced by the broker": (error(CODES.PRODUCER_FENCED, fatal=True), Fault.FENCED),
    "an old epoch": (error(CODES.INVALID_PRODUCER_EPOCH, txn_requires_abort=True), Fault.FENCED),
    "fatal": (error(CODES.INVALID_TXN_STATE, fatal=True), Fault.UNKNOWN),
    "out of order": (error(CODES.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True), Fault.UNKNOWN),
    "no flag at all": (error(CODES._STATE), Fault.UNKNOWN),
    "a time-out": (error(CODES._TIMED_OUT, txn_requires_abort=True), Fault.UNKNOWN),
    "a request that timed out": (error(CODES.REQUEST_TIMED_OUT, txn_requires_abort=True), Fault.UNKNOWN),
    "a lost connection": (error(CODES._TRANSPORT, txn_requires_abort=True), Fault.UNKNOWN),
    "another generation": (error(CODES.ILLEGAL_GENERATION, txn_requires_abort=True), Fault.MEMBERSHIP),
    "an unknown member": (error(CODES.UNKNOWN_MEMBER_ID, txn_requires_abort=True), Fault.MEMBERSHIP),
    "a fenced member": (error(CODES.FENCED_INSTANCE_ID, txn_requires_abort=True), Fault.MEMBERSHIP),
    "a stale member": (error(CODES.STALE_MEMBER_EPOCH, txn_requires_abort=True), Fault.MEMBERSHIP),
    "too slow": (error(CODES._MAX_POLL_EXCEEDED, txn_requires_abort=True), Fault.MEMBERSHIP),
    "assignment lost": (error(CODES._ASSIGNMENT_LOST, txn_requires_abort=True), Fault.MEMBERSHIP),
    "a topic we may not write": (error(CODES.TOPIC_AUTHORIZATION_FAILED, txn_requires_abort=True), Fault.REFUSED),
    "a group we may not use": (error(CODES.GROUP_AUTHORIZATION_FAILED, txn_requires_abort=True), Fault.REFUSED),
    "a topic that is not there": (error(CODES._UNKNOWN_TOPIC, txn_requires_abort=True), Fault.REFUSED),
    "too large": (error(CODES.MSG_SIZE_TOO_LARGE), Fault.TOO_LARGE),
}


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_one_decision(row: str) -> None:
    seen, decision = ROWS[row]
    assert fault_of(seen) is decision


@pytest.mark.parametrize(
    ("delivery", "decision"),
    [
        (CODES._MSG_TIMED_OUT, Fault.UNKNOWN),
        (CODES.MSG_SIZE_TOO_LARGE, Fault.TOO_LARGE),
        (CODES.TOPIC_AUTHORIZATION_FAILED, Fault.REFUSED),
        (CODES.NOT_ENOUGH_REPLICAS, Fault.ABORT),
    ],
)
def test_an_undelivered_record_is_the_cause(delivery: int, decision: Fault) -> None:
    commit_failed = error(CODES._FAIL, txn_requires_abort=True)
    assert fault_of(commit_failed, error(delivery)) is decision


def test_what_the_call_says_about_the_producer_weighs_more_than_the_delivery() -> None:
    assert fault_of(error(CODES._FENCED, fatal=True), error(CODES.MSG_SIZE_TOO_LARGE)) is Fault.FENCED
    assert fault_of(error(CODES._FATAL, fatal=True), error(CODES.MSG_SIZE_TOO_LARGE)) is Fault.UNKNOWN


@pytest.mark.parametrize(
    ("seen", "reading"),
    [
        (error(CODES._AUTO_OFFSET_RESET), Reading.LOST),
        (error(CODES.OFFSET_OUT_OF_RANGE), Reading.LOST),
        (error(CODES._BAD_COMPRESSION), Reading.UNREADABLE),
        (error(CODES._BAD_MSG), Reading.UNREADABLE),
        (error(CODES.TOPIC_AUTHORIZATION_FAILED), Reading.REFUSED),
        (error(CODES.UNKNOWN_TOPIC_OR_PART), Reading.REFUSED),
        (error(CODES._MAX_POLL_EXCEEDED), Reading.REJOIN),
        (error(CODES._ALL_BROKERS_DOWN), Reading.PASSING),
        (error(CODES._TRANSPORT), Reading.PASSING),
        (error(CODES._FATAL, fatal=True), Reading.FATAL),
    ],
)
def test_what_the_consumer_reports(seen: KafkaError, reading: Reading) -> None:
    assert reading_of(seen) is reading


def test_a_refused_property_is_a_wrong_setting_and_anything_else_is_the_transport() -> None:
    assert isinstance(transport_error(error(CODES._INVALID_ARG), "connecting"), ConfigError)
    assert isinstance(transport_error(error(CODES._ALL_BROKERS_DOWN), "connecting"), TransportError)


def test_causes_are_librdkafkas_names() -> None:
    assert cause_of(error(CODES._TIMED_OUT)) == "timed_out"
