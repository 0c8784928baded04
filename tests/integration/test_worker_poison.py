"""Broken events on a real broker: dead letters with their bytes intact, and a limit that stops."""

import base64
import random
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import Message

from tests.support.processes import wait_until
from tests.support.stream_topics import Reader, StreamTopics, event, examine, send
from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.kafka

BROKEN: dict[str, bytes | None] = {
    "null_value": None,
    "not_json": event(1)[:40],
    "too_large": b'{"event_id": "' + b"x" * 2_000_000 + b'"}',
    "not_utf8": b'{"event_id": "\xed\xa0\x80"}',
    "too_deep": b"[" * 5_000 + b"]" * 5_000,
    "not_an_object": b"[1, 2]",
    "missing_field": b'{"event_id": "e"}',
    "invalid_field": event(2).replace(b'"p2"', b"7"),
    "poisoned": event(3, "poison"),
}
NOT_A_NUMBER = event(4).replace(b'"text"', b'"metadata": NaN, "text"')
LONE_SURROGATE = event(5).replace(b"well played", b"well \\ud800 played")


def headers_of(message: Message) -> dict[str, bytes]:
    return dict(cast("list[tuple[str, bytes]]", message.headers() or []))


def letters(topics: StreamTopics, count: int) -> list[Message]:
    reader = Reader(topics, ["dead_letters"])
    found = list(reader.read(lambda found: len(found) >= count, 30))
    reader.close()
    return found


def test_broken_events_are_dead_letters_with_their_bytes_intact(kafka: str, tmp_path: Path) -> None:
    topics = StreamTopics(kafka, partitions=2)
    topics.create({"max.message.bytes": "4000000"})
    broken = [*BROKEN.values(), NOT_A_NUMBER, LONE_SURROGATE]
    good = [event(number) for number in range(100, 200)]
    send(topics, [*broken, *good])
    worker = WorkerProcess(tmp_path, "a", topics.env())
    try:
        found = letters(topics, len(broken))
        reader = Reader(topics)
        reader.read(lambda seen: len(seen) >= len(broken) + 110, 30)
        reader.close()
        outcome = examine(topics, reader.records, len(broken) + 100)
        assert outcome.sound, outcome
        assert (outcome.verdicts, outcome.dead_letters) == (100, len(broken))
        assert {base64.b64encode(m.value() or b"") for m in found} == {base64.b64encode(b or b"") for b in broken}
        headers = [headers_of(message) for message in found]
        causes = [*BROKEN, "not_json", "invalid_field"]
        by_number = {int(h["n"]): h["dlq.cause"].decode() for h in headers}
        assert {number: cause for number, cause in enumerate(causes) if by_number[number] != cause} == {}
        assert {m.key() for m in found} == {b"k%d" % number for number in range(len(broken))}
        assert all(h["dlq.topic"] == topics.name("events").encode() and h["dlq.detail"] for h in headers)
        assert "rotten" not in worker.output()
    finally:
        worker.kill()


@pytest.mark.parametrize("chunk_size", ["16", "512"])
def test_nothing_but_broken_events_stops_the_worker_at_the_limit(kafka: str, tmp_path: Path, chunk_size: str) -> None:
    topics = StreamTopics(kafka, partitions=2)
    topics.create()
    send(topics, [b"{"] * 1_000)
    worker = WorkerProcess(tmp_path, "a", topics.env(PIPELINE__CHUNK_SIZE=chunk_size))
    try:
        assert worker.process.wait(40) == 78
        assert "Nothing further is committed.  Fix the producer of the events" in worker.output()
        reader = Reader(topics)
        reader.read(lambda seen: len(seen) > 100, 3)
        reader.close()
        assert len(reader.records) <= 100
    finally:
        worker.kill()


def test_a_dead_letter_that_its_topic_cannot_hold_stops_the_worker_and_names_the_mend(
    kafka: str, tmp_path: Path
) -> None:
    topics = StreamTopics(kafka, partitions=1)
    topics.create({"max.message.bytes": "20000"})
    send(topics, [random.Random(0).randbytes(19_850)])  # compresses to nothing less
    worker = WorkerProcess(tmp_path, "a", topics.env())
    try:
        assert worker.process.wait(40) == 2
        assert f"Raise max.message.bytes of {topics.name('dead_letters')}" in worker.output()
    finally:
        worker.kill()


def test_an_output_topic_that_is_not_there_is_named(kafka: str, tmp_path: Path) -> None:
    topics = StreamTopics(kafka, partitions=1)
    topics.create()
    send(topics, map(event, range(10)))
    worker = WorkerProcess(tmp_path, "a", topics.env(TOPICS__VERDICTS="nowhere"))
    try:
        wait_until(lambda: "a record for nowhere was not delivered" in worker.output(), 40, "the topic is named")
        assert worker.readyz()["ready"] is False
        assert worker.stop() in (0, 75)
    finally:
        worker.kill()
