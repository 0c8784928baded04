"""The output: one Kafka transaction per chunk with its verdicts, flagged messages, dead letters and offsets."""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from stream.dead_letters import dead_letter_headers
from stream.deadline import Backoff, Clock, Deadline
from stream.errors import ConfigError, Fenced, OutcomeUnknown, TransactionAborted
from stream.kafka_config import Properties
from stream.kafka_errors import Fault, cause_of, fault_of, is_time_out, no_room, transport_error
from stream.kafka_logs import ClientLog
from stream.records import DeadLetter, Outgoing, Partition
from stream.settings import TopicSettings

log: Final = logging.getLogger("stream.sink")

_Headers = list[tuple[str, str | bytes | None]]

CALL_S: Final = 5.0
"""Time-out of a single call; one that times out is repeated within the transaction's time."""


class KafkaSink:
    """Writes chunks through one transactional producer, which only its owner's thread touches.

    ``renew`` makes the producer by ``connect``, which tests replace.
    """

    def __init__(
        self,
        topics: TopicSettings,
        properties: Properties,
        group_id: str,
        connect: Callable[[dict[str, Any]], Producer] = Producer,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._topics = topics
        self._group_id = group_id
        self._properties: dict[str, Any] = {**properties, "on_delivery": self._delivered}
        self._transactional_id: Final = str(properties["transactional.id"])
        self._timeout_s: Final = float(properties["transaction.timeout.ms"]) / 1000
        self._connect = connect
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._log = ClientLog()
        self._producer: Producer | None = None
        self._starting: Producer | None = None  # a start that timed out is resumed, not repeated
        self._undelivered: tuple[KafkaError, str] | None = None

    def renew(self) -> None:
        """Replace the producer by a new one with the same transactional id.

        The broker ends whatever the old one left open, and fences its requests that are still in flight.  May block
        ``CALL_S`` seconds.

        Raises:
            ConfigError: librdkafka refuses a property.
            TransportError: the broker is unavailable or rejects us; retry.
        """
        self._producer = None
        try:
            if self._starting is None:
                self._log = ClientLog()
                self._starting = self._connect({**self._properties, "logger": self._log})
            producer = self._starting
            producer.init_transactions(CALL_S)
        except KafkaException as exc:
            if not exc.args[0].retriable():
                self._starting = None
            raise transport_error(exc.args[0], f"starting {self._transactional_id}") from exc
        self._producer, self._starting = producer, None

    def commit(
        self, results: Sequence[Outgoing | DeadLetter], ends: Mapping[Partition, int], group: object, within_s: float
    ) -> None:
        """Write results and offsets in one transaction; blocks up to ``within_s`` seconds, slightly longer to abort.

        Raises:
            TransactionAborted: nothing was written; the same results may be committed again.
            OutcomeUnknown: it may have been written; ``renew``, and continue from the committed offsets.
            Fenced: another worker uses our transactional id.
            ConfigError: an output topic cannot hold what must be written.
        """
        producer = self._producer
        if producer is None:
            raise OutcomeUnknown(f"{self._transactional_id}: there is no producer; renew first")
        self._refuse_late_requests(producer)
        offsets = [TopicPartition(partition.topic, partition.number, offset) for partition, offset in ends.items()]
        deadline = Deadline(self._clock, min(within_s, self._timeout_s))
        expiry = Deadline(self._clock, self._timeout_s)
        self._undelivered = None
        try:
            producer.begin_transaction()
            # Records first: they are sent while the offsets take their two round trips.
            self._produce(producer, results, deadline)
            self._send_offsets(producer, offsets, group, deadline)
            self._insist(producer.commit_transaction, deadline)
        except KafkaException as exc:
            self._recover(producer, exc, expiry)

    def _refuse_late_requests(self, producer: Producer) -> None:
        """Refuse to use a producer that lost a connection: a request that librdkafka repeated may arrive twice.

        A late request to end the last transaction would end this one; a new producer's epoch fences it.
        """
        producer.poll(0)
        if self._log.lost_connections:
            raise OutcomeUnknown(
                f"{self._transactional_id}: a connection was lost, and requests may still be in flight"
            )

    def close(self) -> None:
        """Drop the producer; the broker or the next owner of the id aborts an open transaction."""
        self._producer = self._starting = None

    def _send_offsets(
        self, producer: Producer, offsets: list[TopicPartition], group: object, deadline: Deadline
    ) -> None:
        """Send the offsets; the one call that is never repeated: librdkafka was seen to wait forever then."""
        try:
            producer.send_offsets_to_transaction(offsets, group, max(deadline.remaining(), 0.001))
        except KafkaException as exc:
            error: KafkaError = exc.args[0]
            if is_time_out(error) or fault_of(error) is Fault.RETRY:
                raise OutcomeUnknown(f"{self._transactional_id}: sending offsets: {error.str()}") from exc
            raise

    def _produce(self, producer: Producer, results: Sequence[Outgoing | DeadLetter], deadline: Deadline) -> None:
        for topic, value, key, headers in self._messages(results):
            while True:
                try:
                    producer.produce(topic, value, key, headers=headers)
                    break
                except BufferError:
                    self._make_room(producer, deadline)

    def _messages(
        self, results: Sequence[Outgoing | DeadLetter]
    ) -> Iterator[tuple[str, bytes | None, bytes | None, _Headers | None]]:
        verdicts, flagged = self._topics.verdicts, self._topics.flagged
        for result in results:
            if isinstance(result, DeadLetter):
                record = result.record
                headers: _Headers = list(dead_letter_headers(result, self._group_id))
                yield self._topics.dead_letters, record.value, record.key, headers
                continue
            yield verdicts, result.verdict, result.key, None
            if result.flagged is not None:
                yield flagged, result.flagged, result.key, None

    def _make_room(self, producer: Producer, deadline: Deadline) -> None:
        """Wait for a full queue to drain."""
        producer.poll(0.05)
        if deadline.over:
            raise no_room()

    def _insist(self, call: Callable[[float], Any], deadline: Deadline) -> None:
        """Repeat a call while its error is retriable and there is time."""
        backoff = Backoff(0.01, 0.5, self._draw)
        while True:
            try:
                call(max(deadline.remaining(CALL_S), 0.001))
            except KafkaException as exc:
                if fault_of(exc.args[0]) is not Fault.RETRY or deadline.over:
                    raise
            else:
                return
            self._sleep(deadline.remaining(backoff.next()))

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._undelivered is None:
            self._undelivered = (error, message.topic() or "")

    def _recover(self, producer: Producer, exc: KafkaException, expiry: Deadline) -> NoReturn:
        error: KafkaError = exc.args[0]
        delivery, topic = self._undelivered or (None, "")
        said = f"{self._transactional_id}: {error.str()} ({error.name()})"
        if delivery:
            said += f"; a record for {topic} was not delivered: {delivery.str()} ({delivery.name()})"
        fault = fault_of(error, delivery)
        if fault is Fault.FENCED and not expiry.over:
            # Within the transaction time-out the broker fences only because another producer came with the same id.
            raise Fenced(
                f"{said}.  Another worker uses this transactional id; give each worker its own --slot"
            ) from exc
        if fault in (Fault.FENCED, Fault.UNKNOWN, Fault.RETRY):
            raise OutcomeUnknown(said) from exc
        self._abort(producer)
        if fault is Fault.TOO_LARGE:
            raise ConfigError(f"{said}.  Raise max.message.bytes of {topic or 'the output topics'}") from exc
        raise TransactionAborted(said, cause_of(delivery or error)) from exc

    def _abort(self, producer: Producer) -> None:
        """Abort, so that nothing of the transaction ever becomes visible.

        Raises:
            OutcomeUnknown: it could not be aborted.
        """
        try:
            # An abort before the broker has seen the records gets INVALID_TXN_STATE, and the producer is lost.
            producer.flush(CALL_S)
            self._insist(producer.abort_transaction, Deadline(self._clock, self._timeout_s))
        except KafkaException as exc:
            raise OutcomeUnknown(f"{self._transactional_id}: aborting failed: {exc.args[0].str()}") from exc
