"""``python -m tests.bench.sender BOOTSTRAP SUFFIX PACE SECONDS``: append events at an even pace, for the latency bench.

A process of its own, so that it neither waits for the reader nor makes it wait.
"""

import sys
import time

from confluent_kafka import Producer

from tests.support.stream_topics import StreamTopics, event

STEP_S = 0.005


def append(topics: StreamTopics, pace: int, seconds: int) -> None:
    """Append every 5 ms what is due, each event with the time at which it is handed over."""
    producer = Producer({"bootstrap.servers": topics.bootstrap, "linger.ms": 5})
    started, sent = time.monotonic(), 0
    while sent < pace * seconds:
        due = min(int((time.monotonic() - started) * pace), pace * seconds)
        for number in range(sent, due):
            value = event(number, sent_at=time.time())
            producer.produce(topics.name("events"), value, None, number % topics.partitions)
        sent = due
        producer.poll(0)
        time.sleep(STEP_S)
    producer.flush(30)


if __name__ == "__main__":
    _, address, name, rate, duration = sys.argv
    append(StreamTopics(address, suffix=name), int(rate), int(duration))
