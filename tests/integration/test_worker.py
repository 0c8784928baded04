"""The worker on a real broker: what goes in comes out once, whatever it is."""

from pathlib import Path

import pytest

from tests.support.stream_topics import Reader, StreamTopics, event, examine, send
from tests.support.worker_process import WorkerProcess

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_every_event_has_one_verdict(kafka: str, tmp_path: Path, protocol: str) -> None:
    topics = StreamTopics(kafka)
    topics.create()
    send(topics, map(event, range(5_000)))
    worker = WorkerProcess(tmp_path, "a", topics.env(KAFKA__GROUP_PROTOCOL=protocol))
    try:
        worker.wait_ready()
        reader = Reader(topics)
        records = reader.read(lambda found: len(found) >= 5_500, 30)
        reader.close()
        outcome = examine(topics, records, 5_000)
        assert outcome.sound, outcome
        assert (outcome.verdicts, outcome.flagged) == (5_000, 500)
        assert worker.stop() == 0
    finally:
        worker.kill()
