"""Topics as a worker leaves them: events, and their verdicts in transactions, some of which were aborted."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import uuid4

from confluent_kafka import Producer

from stream.records import Chunk, Outgoing, Record
from tests.support.broker import create_topics
from tests.support.chatlog import lines
from tests.support.replays import LENIENT, a_policy_judge

PARTITIONS: Final = 3
_CHUNK: Final = 500


class RecordedTopics:
    """A topic of events and one of verdicts, with names of their own."""

    def __init__(self, bootstrap: str, count: int, timestamp_ms: int = 0) -> None:
        """Produce; ``timestamp_ms`` is what the broker says of the events (0: now)."""
        self.bootstrap: Final = bootstrap
        self._timestamp_ms = timestamp_ms
        suffix = uuid4()
        self.events: Final = f"events-{suffix}"
        self.verdicts: Final = f"verdicts-{suffix}"
        create_topics(bootstrap, {self.events: PARTITIONS, self.verdicts: 2}, {"retention.ms": "-1"})
        records = self._produce_events(list(lines(count)))
        self._produce_verdicts(records)

    def say_again(self, count: int, change: Callable[[bytes], bytes]) -> int:
        """Produce the verdicts about the first events once more, changed; returns how many they are."""
        places = [divmod(number, PARTITIONS) for number in range(count)]
        values = zip(lines(count), places, strict=True)
        records = [Record(value, offset, self.events, partition) for value, (offset, partition) in values]
        results = [each for each in a_policy_judge(LENIENT)(Chunk(records)).results if isinstance(each, Outgoing)]
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for result in results:
            producer.produce(self.verdicts, change(result.verdict), result.key)
        producer.flush(10)
        return len(results)

    def _produce_events(self, values: Sequence[bytes]) -> list[Record]:
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 20, "compression.type": "lz4"})
        records = []
        for number, value in enumerate(values):
            offset, partition = divmod(number, PARTITIONS)
            producer.produce(self.events, value, partition=partition, timestamp=self._timestamp_ms)
            producer.poll(0)
            records.append(Record(value, offset, self.events, partition))
        producer.flush(30)
        return records

    def _produce_verdicts(self, records: Sequence[Record]) -> None:
        judge = a_policy_judge(LENIENT)
        producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": self.verdicts, "linger.ms": 5})
        producer.init_transactions(30)
        for start in range(0, len(records), _CHUNK):
            chunk = Chunk(list(records[start : start + _CHUNK]))
            if start // _CHUNK % 5 == 2:
                self._write(producer, judge(chunk).results[:50])
                producer.flush(10)
                producer.abort_transaction(10)
            self._write(producer, judge(chunk).results)
            producer.commit_transaction(10)

    def _write(self, producer: Producer, results: Sequence[object]) -> None:
        producer.begin_transaction()
        for result in results:
            if isinstance(result, Outgoing):
                producer.produce(self.verdicts, result.verdict, result.key, timestamp=self._timestamp_ms)
