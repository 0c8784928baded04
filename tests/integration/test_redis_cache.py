"""The cache on a real Redis that is killed, frozen, restarted, full or not a Redis at all."""

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from stream.breaker import Breaker
from stream.cache import CacheResolver, Sealer
from stream.errors import ConfigError, TransportError
from stream.judge import Judge
from stream.metrics import NoMetrics
from stream.records import Chunk, Outgoing, Record
from stream.redis_cache import RedisCache
from tests.support.judges import a_judge, an_event
from tests.support.processes import free_port
from tests.support.redis_process import RedisProcess
from tests.support.servers import unavailable

pytestmark = pytest.mark.redis

TIMEOUT_S = 0.5
ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    if shutil.which("redis-server") is None:
        unavailable("Redis that may be killed", "make redis")
    server = RedisProcess(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def cache(server: RedisProcess) -> Iterator[RedisCache]:
    cache = RedisCache(server.url, TIMEOUT_S, 1)
    yield cache
    cache.close()


def a_cached_judge(cache: RedisCache, cooldown_s: float = 0.05) -> Judge:
    breaker = Breaker(time.monotonic, failures=2, cooldown_s=cooldown_s, longest_s=cooldown_s)
    sealer = Sealer(b"secret", "scorer", 2)
    return a_judge(CacheResolver(cache, sealer, breaker, NoMetrics(), 60, time.monotonic))


def verdicts(judge: Judge, texts: list[str]) -> list[tuple[str, str]]:
    """Judge texts as one chunk; return action and who answered."""
    judged = judge(Chunk([Record(an_event(text), offset) for offset, text in enumerate(texts)]))
    found = [result.verdict.decode() for result in judged.results if isinstance(result, Outgoing)]
    actions = ["block" if '"action":"block"' in line else "allow" for line in found]
    sources = ["cache" if '"resolved_by":"cache"' in line else "classifier" for line in found]
    return list(zip(actions, sources, strict=True))


def test_another_worker_finds_what_this_one_scored(server: RedisProcess, cache: RedisCache) -> None:
    assert verdicts(a_cached_judge(cache), ["hello", "rotten"]) == [("allow", "classifier"), ("block", "classifier")]
    other = RedisCache(server.url, TIMEOUT_S, 1)
    assert verdicts(a_cached_judge(other), ["rotten", "new", "hello"]) == [
        ("block", "cache"),
        ("allow", "classifier"),
        ("allow", "cache"),
    ]
    other.close()


def test_the_rights_that_are_documented_are_enough(server: RedisProcess) -> None:
    commands, keys = "+mget +set +ping", "~cw:*"
    for page in ("SECURITY.md", "docs/configuration.md"):
        assert f"`{commands}` on `{keys}`" in (ROOT / page).read_text()
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "worker", "on", ">hush", keys, *commands.split())
    cache = RedisCache(server.url.replace("://", "://worker:hush@"), TIMEOUT_S, 1)
    cache.ping()
    assert verdicts(a_cached_judge(cache), ["rotten"]) == [("block", "classifier")]
    assert verdicts(a_cached_judge(cache), ["rotten"]) == [("block", "cache")]
    with pytest.raises(TransportError, match="NoPermissionError"):
        cache.read([b"another's"])
    cache.close()


def test_values_live_for_the_time_given_less_some_jitter(server: RedisProcess, cache: RedisCache) -> None:
    keys = [b"cw:" + os.urandom(16) for _ in range(50)]
    cache.write(dict.fromkeys(keys, b"value"), 1_000)
    with redis.Redis.from_url(server.url) as client:
        lives = {client.ttl(key) for key in keys}
        names = client.keys("*")
    assert len(lives) > 5
    assert all(isinstance(life, int) and 898 <= life <= 1_000 for life in lives)
    assert isinstance(names, list)
    assert all(name.startswith(b"cw:") for name in names)


def test_no_text_and_no_player_reaches_redis(server: RedisProcess, cache: RedisCache) -> None:
    verdicts(a_cached_judge(cache), ["hello"])
    with redis.Redis.from_url(server.url) as client:
        stored = b"".join(bytes(name) + (client.get(name) or b"") for name in client.scan_iter())
    assert stored
    assert b"hello" not in stored


def test_a_killed_redis_costs_time_and_no_verdict_and_is_found_again(server: RedisProcess, cache: RedisCache) -> None:
    judge = a_cached_judge(cache)
    verdicts(judge, ["rotten"])
    server.kill()
    for _ in range(4):
        assert verdicts(judge, ["rotten"]) == [("block", "classifier")]
    server.start()
    time.sleep(0.1)
    verdicts(judge, ["rotten"])
    assert verdicts(judge, ["rotten"]) == [("block", "cache")]


def test_a_frozen_redis_stalls_nothing(server: RedisProcess, cache: RedisCache) -> None:
    judge = a_cached_judge(cache, cooldown_s=60)
    verdicts(judge, ["rotten"])
    server.child.signal(signal.SIGSTOP)
    started = time.monotonic()
    for _ in range(200):
        assert verdicts(judge, ["rotten"]) == [("block", "classifier")]
    spent = time.monotonic() - started
    server.child.signal(signal.SIGCONT)
    assert spent < 20 * TIMEOUT_S  # two until the breaker opens; without it there would be 200


def test_a_late_answer_is_not_taken_for_the_next(server: RedisProcess, cache: RedisCache) -> None:
    one, other = b"cw:" + os.urandom(16), b"cw:" + os.urandom(16)
    cache.write({one: b"1", other: b"2"}, 60)
    server.child.signal(signal.SIGSTOP)
    with pytest.raises(TransportError, match="TimeoutError"):
        cache.read([one])
    server.child.signal(signal.SIGCONT)
    assert list(cache.read([other])) == [b"2"]


def test_a_redis_that_takes_no_writes_still_serves(server: RedisProcess, cache: RedisCache) -> None:
    judge = a_cached_judge(cache)
    verdicts(judge, ["rotten"])
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", "1")
    assert verdicts(judge, ["rotten", "fresh"]) == [("block", "cache"), ("allow", "classifier")]
    assert verdicts(judge, ["rotten", "fresh"]) == [("block", "cache"), ("allow", "classifier")]


def test_a_server_that_drips_bytes_is_too_slow() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()
        thread = threading.Thread(target=_drip, args=(listener, done))
        thread.start()
        cache = RedisCache(f"redis://127.0.0.1:{listener.getsockname()[1]}/0", TIMEOUT_S, 0.5)
        started = time.monotonic()
        with pytest.raises(TransportError):
            cache.read([b"cw:key"])
        spent = time.monotonic() - started
        cache.close()
        done.set()
        thread.join()
    assert spent < 5  # it would go on for ever


def _drip(listener: socket.socket, done: threading.Event) -> None:
    connection, _ = listener.accept()
    with connection:
        while not done.wait(0.02):
            try:
                connection.send(b"+")
            except OSError:
                return


def test_nobody_there_is_a_transport_error() -> None:
    cache = RedisCache(f"redis://127.0.0.1:{free_port()}/0", TIMEOUT_S, 0.5)
    with pytest.raises(TransportError, match="Redis: "):
        cache.ping()
    cache.close()


def test_an_address_that_is_none_is_a_configuration_error_that_keeps_the_secret() -> None:
    with pytest.raises(ConfigError, match=r"redis\.url: must begin") as caught:
        RedisCache("http://user:hush@host", TIMEOUT_S, 1)
    assert "hush" not in str(caught.value)
