"""``python -m tests.bench.sender BOOTSTRAP SUFFIX PACE SECONDS [CHAT]``: append events at an even pace, for benches.

CHAT is a text file with what is said, a message a line.

A process of its own, so that it neither waits for the reader nor makes it wait.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Producer

from tests.support.stream_topics import StreamTopics, event

STEP_S = 0.005


def append(topics: StreamTopics, pace: int, seconds: int, texts: Sequence[str]) -> None:
    """Append every 5 ms what is due, each event with the time at which it is handed over; texts take turns."""
    producer = Producer({"bootstrap.servers": topics.bootstrap, "linger.ms": 5})
    started, sent = time.monotonic(), 0
    while sent < pace * seconds:
        due = min(int((time.monotonic() - started) * pace), pace * seconds)
        for number in range(sent, due):
            value = event(number, texts[number % len(texts)], time.time())
            producer.produce(topics.name("events"), value, None, number % topics.partitions)
        sent = due
        producer.poll(0)
        time.sleep(STEP_S)
    producer.flush(30)


if __name__ == "__main__":
    _, address, name, rate, duration, *chat = sys.argv
    said = [line for file in chat for line in Path(file).read_text(encoding="utf-8").splitlines() if line.strip()]
    append(StreamTopics(address, suffix=name), int(rate), int(duration), said or [""])
