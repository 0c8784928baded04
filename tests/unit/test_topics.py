"""Topics as they are, asked of an admin client that answers as it is told."""

from concurrent.futures import Future
from typing import Any, cast

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from stream.errors import TransportError
from stream.settings import Settings
from stream.topics import find_topics, wanted_topics

WANTED = wanted_topics(Settings(), 1, {})


class Silent(Future[Any]):
    """An answer that never comes; nobody has to wait for that."""

    def result(self, timeout: float | None = None) -> Any:
        raise TimeoutError


class SilentAdmin:
    """Lists every topic, and says nothing about any."""

    def list_topics(self, timeout: float) -> Any:
        topics = {topic.name: type("T", (), {"partitions": {0: None}}) for topic in WANTED}
        return type("M", (), {"topics": topics})

    def describe_configs(self, resources: list[ConfigResource], request_timeout: float) -> Any:
        return {resource: Silent() for resource in resources}


def test_a_broker_that_does_not_answer_is_away() -> None:
    with pytest.raises(TransportError, match="asking for the topics: no answer within 30 s"):
        find_topics(cast("AdminClient", SilentAdmin()), WANTED)
