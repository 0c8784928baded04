"""What a librdkafka error means for a transaction: a table with one decision per error.

librdkafka's own rule is: retriable, call again; requires abort, abort; fatal, destroy the producer; anything else,
treat as fatal.  It lacks KIP-890, so a request that timed out may still arrive, and be taken for part of the *next*
transaction.  Hence the row ``UNKNOWN``, which is stricter: a fresh producer bumps the epoch and fences late requests.
"""

from enum import Enum
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from stream.errors import ConfigError, TransportError


class Fault(Enum):
    """What to do after a failed step of a transaction."""

    RETRY = "retry"  # repeat the call, while there is time
    ABORT = "abort"  # abort, keep the chunk, retry
    MEMBERSHIP = "membership"  # abort; some partitions may have gone to another worker
    REFUSED = "refused"  # abort; refused until a setting or an access right is fixed
    TOO_LARGE = "too_large"  # abort and stop: an output topic cannot hold what must be written
    FENCED = "fenced"  # another producer used our transactional id, or our transaction timed out
    UNKNOWN = "unknown"  # it may have committed: restart from the committed offsets


_MEMBERSHIP: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError._ASSIGNMENT_LOST,
    }
)
_FENCED: Final = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})
_REFUSED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_RECORD,
    }
)
_TOO_LARGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
_LATE: Final = frozenset(
    {
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
    }
)


def is_time_out(error: KafkaError) -> bool:
    """Whether one of our calls timed out."""
    return error.code() == KafkaError._TIMED_OUT


def fault_of(error: KafkaError, delivery: KafkaError | None = None) -> Fault:
    """Classify an error of a transactional call; ``delivery`` is the error of a record that was not delivered, if any.

    A failed delivery is the cause, and the call's own error its consequence; but what the call says about the producer
    (fenced, fatal) takes precedence.
    """
    codes = {error.code()} | ({delivery.code()} if delivery else set())
    if codes & _FENCED:
        return Fault.FENCED
    if error.fatal():
        return Fault.UNKNOWN
    if codes & _LATE and not error.retriable():
        return Fault.UNKNOWN
    for known, fault in ((_TOO_LARGE, Fault.TOO_LARGE), (_REFUSED, Fault.REFUSED), (_MEMBERSHIP, Fault.MEMBERSHIP)):
        if codes & known:
            return fault
    if error.retriable():
        return Fault.RETRY
    return Fault.ABORT if error.txn_requires_abort() else Fault.UNKNOWN


class Reading(Enum):
    """What an error reported by the consumer means."""

    PASSING = "passing"  # librdkafka recovers by itself
    REFUSED = "refused"  # we may not read; keep retrying, not ready
    LOST = "lost"  # the next record was deleted before it was read, or the offset is unknown
    UNREADABLE = "unreadable"  # the bytes cannot be parsed: a bad checksum or compression
    REJOIN = "rejoin"  # we were too slow and lost our partitions
    FATAL = "fatal"


def reading_of(error: KafkaError) -> Reading:
    """Classify an error that ``consume`` returns as a message."""
    code = error.code()
    if code in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._NO_OFFSET):
        return Reading.LOST
    if code in (KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG, KafkaError.INVALID_MSG, KafkaError._NOT_IMPLEMENTED):
        return Reading.UNREADABLE
    if code in _REFUSED or code in (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED):
        return Reading.REFUSED
    if code == KafkaError._MAX_POLL_EXCEEDED:
        return Reading.REJOIN
    return Reading.FATAL if error.fatal() else Reading.PASSING


def cause_of(error: KafkaError) -> str:
    """Return a metric label for an error: librdkafka's name of its code, a closed set."""
    return str(error.name()).lstrip("_").lower()


def is_end(error: KafkaError) -> bool:
    """Whether this is not an error: everything before an offset has been read."""
    return error.code() == KafkaError._PARTITION_EOF


def is_not_fetching(error: KafkaError) -> bool:
    """Whether a seek was refused because the partition is not being fetched, yet or any more."""
    return error.code() == KafkaError._STATE


def no_room() -> KafkaException:
    """Return the error of a producer whose queue did not drain in time."""
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, "no room in the producer's queue"))


def transport_error(error: KafkaError, doing: str) -> ConfigError | TransportError:
    """Translate an error outside transactions: a property that librdkafka refuses, or an unreachable broker."""
    message = f"{doing}: {error.str()} ({error.name()})"
    if error.code() in (KafkaError._INVALID_ARG, KafkaError._CONFLICT):
        return ConfigError(f"kafka.properties: {message}")
    return TransportError(message)
