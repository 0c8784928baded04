"""Servers for the tests that need them; started once per run, on first use."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.servers import kafka_server, redis_server

# A slow machine is no fault of an example.
settings.register_profile("chatwarden", deadline=None)
settings.load_profile("chatwarden")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of a real Kafka; name your topics with a uuid, others use it too."""
    with kafka_server(tmp_path_factory.mktemp("kafka")) as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real Redis; use keys of your own, others use it too."""
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url
