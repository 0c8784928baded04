"""Health: live while the loop turns, ready once nothing is waited for."""

import json
import urllib.error
import urllib.request

import pytest

from stream.errors import ConfigError
from stream.health import AdminServer, Health, Reply, open_admin
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
    time = ManualTime()
    health = Health(time, max_tick_age_s=10)
    time.now += 10
    assert health.livez().status == 200
    time.now += 0.5
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
        with pytest.raises(ConfigError, match=r"admin\.port.*name another port, or 0"):
            open_admin(AdminSettings(port=one.port), health, bytes)
