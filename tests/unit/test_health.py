"""Health: live while the loop turns, ready once nothing is waited for."""

import http.client
import json
import logging
import socket
import struct
import threading
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream.errors import ConfigError
from stream.health import AdminServer, Health, Reply, open_admin
from stream.metrics import PrometheusMetrics
from stream.settings import AdminSettings


class ManualTime:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def body(reply: Reply) -> dict[str, object]:
    document = json.loads(reply.body)
    assert isinstance(document, dict)
    return document


def test_live_while_the_loop_turns() -> None:
    clock = ManualTime()
    health = Health(clock, max_tick_age_s=10)
    clock.now += 10
    assert health.livez().status == 200
    clock.now += 0.5
    reply = health.livez()
    assert reply.status == 503
    stack = body(reply)["stack"]
    assert isinstance(stack, list)
    assert any("test_live_while_the_loop_turns" in frame for frame in stack)
    health.tick()
    assert health.livez().status == 200


def test_ready_once_nothing_is_waited_for() -> None:
    health = Health(ManualTime(), 10, ("model", "partitions"))
    assert body(health.readyz()) == {"ready": False, "waiting": {"model": "starting", "partitions": "starting"}}
    health.ready("model")
    health.ready("partitions")
    assert health.readyz().status == 200
    health.unready("partitions", "revoked")
    reply = health.readyz()
    assert reply.status == 503
    assert body(reply)["waiting"] == {"partitions": "revoked"}


def test_what_is_waited_for_is_measured() -> None:
    metrics = PrometheusMetrics()
    health = Health(ManualTime(), 10, ("model", "partitions"), metrics)

    def waiting() -> dict[str, float]:
        families = text_string_to_metric_families(metrics.exposition().decode())
        samples = next(family.samples for family in families if family.name == "chatwarden_waiting")
        return {sample.labels["component"]: sample.value for sample in samples}

    assert waiting() == {"model": 1, "partitions": 1}
    health.ready("model")
    health.ready("partitions")
    assert waiting() == {"model": 0, "partitions": 0}
    health.unready("producer", "Kafka is away")
    assert waiting() == {"model": 0, "partitions": 0, "producer": 1}


def test_the_admin_port_serves_all_three_and_names_them() -> None:
    health = Health(ManualTime(), 10, ())
    with AdminServer("127.0.0.1", 0, health, lambda: b"up 1\n") as server:
        assert get(server.port, "/livez")[0] == 200
        assert get(server.port, "/readyz?verbose") == (200, '{"ready": true, "waiting": {}}\n')
        assert get(server.port, "/metrics") == (200, "up 1\n")
        status, text = get(server.port, "/")
        assert status == 404
        assert json.loads(text) == {"paths": ["/livez", "/metrics", "/readyz"]}


def test_a_port_in_use_is_a_configuration_error() -> None:
    health = Health(ManualTime(), 10, ())
    with AdminServer("127.0.0.1", 0, health, bytes) as server, pytest.raises(ConfigError, match=r"admin\.port"):
        AdminServer("127.0.0.1", server.port, health, bytes)


def test_the_default_admin_port_gives_way_and_a_chosen_one_does_not() -> None:
    health = Health(ManualTime(), 60)
    with open_admin(AdminSettings(), health, bytes) as one, open_admin(AdminSettings(), health, bytes) as other:
        assert other.port != AdminSettings().port
        assert other.port != one.port
        with pytest.raises(ConfigError, match=r"admin\.port.*another port, or 0"):
            open_admin(AdminSettings(port=one.port), health, bytes)


def requests_under_way() -> bool:
    return any("process_request_thread" in thread.name for thread in threading.enumerate())


def wait_until_no_request_is_under_way() -> None:
    give_up = time.monotonic() + 10
    while requests_under_way():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_a_probe_that_leaves_early_is_no_news(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, left = threading.Event(), threading.Event()

    def slow() -> bytes:
        asked.set()
        assert left.wait(10)
        return b"up 1\n"

    with AdminServer("127.0.0.1", 0, Health(ManualTime(), 10, ()), slow) as server:
        probe = socket.create_connection(("127.0.0.1", server.port), 5)
        probe.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert asked.wait(10)
        # Closed with a reset, as by a probe that is killed at its time limit with something unread.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        probe.close()
        left.set()
        wait_until_no_request_is_under_way()
        assert get(server.port, "/livez")[0] == 200
    assert capsys.readouterr().err == ""
    assert caplog.records == []


def test_a_page_that_fails_is_told_in_the_log_and_nowhere_else(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def defect() -> bytes:
        raise RuntimeError

    with AdminServer("127.0.0.1", 0, Health(ManualTime(), 10, ()), defect) as server:
        with pytest.raises(http.client.RemoteDisconnected):
            get(server.port, "/metrics")
        wait_until_no_request_is_under_way()
        assert get(server.port, "/livez")[0] == 200
    assert capsys.readouterr().err == ""
    assert [(record.name, record.levelno) for record in caplog.records] == [("stream.health", logging.ERROR)]
    assert caplog.records[0].exc_info
