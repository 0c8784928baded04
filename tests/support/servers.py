"""Where a real server comes from: the environment, else a local one, else Docker, else a loud skip (in CI a failure).

``CHATWARDEN_TEST_KAFKA``  bootstrap address of a broker that tests may use; topics get names of their own
``CHATWARDEN_TEST_REDIS``  URL of a Redis that tests may use; they delete only what they write
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.broker import INSTALLED, Broker, kafka_answers
from tests.support.coordinators import wait_for_coordinators
from tests.support.processes import free_port, wait_until
from tests.support.redis_process import RedisProcess, redis_answers

KAFKA_IMAGE: Final = "apache/kafka:4.3.1"
REDIS_IMAGE: Final = "redis:8-alpine"


@contextmanager
def kafka_server(folder: Path) -> Iterator[str]:
    """Yield the bootstrap address of a real broker."""
    if given := os.environ.get("CHATWARDEN_TEST_KAFKA"):
        wait_until(lambda: kafka_answers(given), 20, f"CHATWARDEN_TEST_KAFKA={given} answers")
        yield given
        return
    if has_local_kafka():
        broker = Broker(folder)
        try:
            broker.start()
            wait_for_coordinators(broker.bootstrap)
            yield broker.bootstrap
        finally:
            broker.stop()
        return
    if _has_docker():
        with _kafka_container() as bootstrap:
            yield bootstrap
        return
    unavailable("Kafka", "make kafka (Java 17+ and Maven), CHATWARDEN_TEST_KAFKA=host:port, or start Docker")


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Yield the URL of a real Redis."""
    if given := os.environ.get("CHATWARDEN_TEST_REDIS"):
        yield given
        return
    if shutil.which("redis-server"):
        server = RedisProcess(folder)
        try:
            server.start()
            yield server.url
        finally:
            server.stop()
        return
    if _has_docker():
        with _redis_container() as url:
            yield url
        return
    unavailable("Redis", "make redis, CHATWARDEN_TEST_REDIS=redis://host:6379/0, or start Docker")


def has_local_kafka() -> bool:
    """Whether this checkout can run a broker of its own."""
    return INSTALLED.exists() and shutil.which("java") is not None


def unavailable(what: str, mend: str) -> None:
    """Skip the test and say why; in CI fail it."""
    message = f"no {what} to test with: {mend}"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def _has_docker() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True, check=False).returncode == 0


@contextmanager
def _kafka_container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer

    port = free_port()
    # The same port inside and out: the broker comes to itself by its advertised address to end a transaction.
    container = DockerContainer(KAFKA_IMAGE)
    container.ports = _on_loopback(port, port)
    for name, value in {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        # As deploy/kafka/start.sh has them.
        "OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
        "TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "1000",
        "NUM_PARTITIONS": "6",
        "MESSAGE_MAX_BYTES": "4194304",
        "REPLICA_FETCH_MAX_BYTES": "4194304",
        "LOG_SEGMENT_BYTES": "16777216",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS": "1000",
        "GROUP_CONSUMER_SESSION_TIMEOUT_MS": "6000",
        "GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS": "200",
        "GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS": "1000",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
    }.items():
        container = container.with_env(f"KAFKA_{name}", value)
    with container:
        bootstrap = f"127.0.0.1:{port}"
        wait_until(lambda: kafka_answers(bootstrap), 60, "Kafka in Docker answers")
        wait_for_coordinators(bootstrap)
        yield bootstrap


@contextmanager
def _redis_container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer

    port = free_port()
    container = DockerContainer(REDIS_IMAGE)
    container.ports = _on_loopback(6379, port)
    with container:
        url = f"redis://127.0.0.1:{port}/0"
        wait_until(lambda: redis_answers(url), 30, "Redis in Docker answers")
        yield url


def _on_loopback(inside: int, outside: int) -> dict[str, Any]:
    # testcontainers' own with_bind_ports publishes a server without a password on every address of this machine.
    return {f"{inside}/tcp": ("127.0.0.1", outside)}
