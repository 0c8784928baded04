"""The least that a transactional loop costs: json.loads, json.dumps, produce, offsets, commit; nothing else.

``python -m tests.bench.bare_loop BOOTSTRAP EVENTS_TOPIC VERDICTS_TOPIC GROUP COUNT CHUNK`` prints events/s and cpu-µs.
"""

import json
import resource
import sys
import time

from confluent_kafka import Consumer, Message, Producer, TopicPartition


def main(names: list[str], count: int, chunk: int) -> None:
    bootstrap, events, verdicts, group = names
    common = {"bootstrap.servers": bootstrap}
    consumer = Consumer(
        {
            **common,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 10,
        }
    )
    transactional = {"transactional.id": group, "retry.backoff.ms": 5, "retry.backoff.max.ms": 20}
    producer = Producer({**common, **transactional, "compression.type": "lz4"})
    producer.init_transactions(30)
    consumer.subscribe([events])
    messages = consumer.consume(1, 60)
    started, cpu = time.monotonic(), _cpu()
    done = 0
    while done < count:
        messages += consumer.consume(chunk - len(messages), 0.0 if messages else 1.0)
        if messages:
            _commit(consumer, producer, messages, verdicts)
        done += len(messages)
        messages = []
    seconds = time.monotonic() - started
    consumer.close()
    print(json.dumps({"rate": round(done / seconds), "cpu_us": round((_cpu() - cpu) / done * 1e6, 1)}))


def _commit(consumer: Consumer, producer: Producer, messages: list[Message], verdicts: str) -> None:
    ends: dict[int, TopicPartition] = {}
    producer.begin_transaction()
    for message in messages:
        event = json.loads(message.value() or b"")
        topic, partition, offset = str(message.topic()), message.partition() or 0, message.offset() or 0
        verdict = {
            "event_id": event["event_id"],
            "sent_at": event["sent_at"],
            "action": "allow",
            "scores": {"non_toxic": 0.9, "insult": 0.1},
            "origin": {"topic": topic, "partition": partition, "offset": offset},
        }
        producer.produce(verdicts, json.dumps(verdict, separators=(",", ":")).encode(), event["player_id"].encode())
        ends[partition] = TopicPartition(topic, partition, offset + 1)
    producer.send_offsets_to_transaction(list(ends.values()), consumer.consumer_group_metadata(), 30)
    producer.commit_transaction(30)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    _, *names, events_to_read, chunk_size = sys.argv
    main(names, int(events_to_read), int(chunk_size))
