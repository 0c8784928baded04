"""What docker-compose.yml says, done without Docker: its commands and environments, on a real broker and Redis."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from confluent_kafka import Message

from tests.support.processes import Child, free_port, wait_until
from tests.support.stream_topics import Reader, StreamTopics

pytestmark = pytest.mark.kafka

ROOT: Final = Path(__file__).parents[2]
COMMAND: Final = str(Path(sys.executable).with_name("chatwarden"))
SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


class Composed:
    """Starts services as the file has them; only addresses and names of topics are others."""

    def __init__(self, folder: Path, topics: StreamTopics, redis_url: str) -> None:
        self.admin_port: Final = free_port()
        self._folder = folder
        self._instead = {
            **topics.env(TOPICS__STRIKES=topics.name("strikes")),
            "CHATWARDEN__REDIS__URL": redis_url,
            "CHATWARDEN__ADMIN__HOST": "127.0.0.1",
            "CHATWARDEN__ADMIN__PORT": str(self.admin_port),
        }
        self.started: list[Child] = []

    def start(self, name: str) -> Child:
        """Start a service."""
        service = SERVICES[name]
        env = {key: str(value) for key, value in service["environment"].items()} | self._instead
        child = Child([COMMAND, *service["command"]], self._folder / f"{name}.log", env)
        self.started.append(child)
        return child

    def healthy(self, name: str) -> bool:
        """Ask as the service's health check does, on the port that it has here."""
        program, *arguments = SERVICES[name]["healthcheck"]["test"][1:]
        assert program == "python"
        asking = [argument.replace(":9464/", f":{self.admin_port}/") for argument in arguments]
        return Child([sys.executable, *asking], self._folder / "health.log").process.wait(30) == 0


@pytest.fixture
def topics(kafka: str) -> StreamTopics:
    return StreamTopics(kafka)


@pytest.fixture
def composed(tmp_path: Path, topics: StreamTopics, redis_url: str) -> Iterator[Composed]:
    composed = Composed(tmp_path, topics, redis_url)
    yield composed
    for child in composed.started:
        child.kill()


def words(found: list[Message]) -> set[str]:
    """Return which actions verdicts have, and who gave them."""
    verdicts = [json.loads(message.value() or b"") for message in found]
    return {verdict[key] for verdict in verdicts for key in ("action", "resolved_by")}


def test_the_composed_worker_judges_the_composed_chat(composed: Composed, topics: StreamTopics) -> None:
    assert composed.start("topics").process.wait(60) == 0
    worker = composed.start("worker")
    assert not composed.healthy("worker")
    wait_until(lambda: composed.healthy("worker"), 120, "the worker is healthy")
    chatter = composed.start("chatter")
    reader = Reader(topics, ["verdicts"])
    # Each start says other things; both of these are there within a few hundred messages.
    found = reader.read(lambda found: len(found) >= 200 and {"block", "classifier"} <= words(found), 60)
    reader.close()
    assert len(found) >= 200, worker.output()
    assert {"allow", "block", "classifier"} <= words(found)
    origins = {json.loads(message.value() or b"")["origin"]["topic"] for message in found}
    assert origins == {topics.name("events")}
    assert chatter.stop() == 143
    assert worker.stop() == 0
    assert all(json.loads(line) for line in worker.output().splitlines())
