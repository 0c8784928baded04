"""What every score cache promises, asked of the dict and of a real Redis."""

import os
from collections.abc import Iterator

import pytest

from stream.cache import ScoreCache
from stream.redis_cache import RedisCache
from tests.support.score_cache import DictCache


@pytest.fixture(params=["dict", pytest.param("redis", marks=pytest.mark.redis)])
def cache(request: pytest.FixtureRequest) -> Iterator[ScoreCache]:
    if request.param == "dict":
        yield DictCache()
        return
    redis = RedisCache(request.getfixturevalue("redis_url"), 1, 1)
    yield redis
    redis.close()


def some_keys(count: int) -> list[bytes]:
    return [b"cw:" + os.urandom(16) for _ in range(count)]


def test_nothing_is_found_before_it_is_written(cache: ScoreCache) -> None:
    assert list(cache.read(some_keys(3))) == [None, None, None]


def test_values_come_back_in_the_order_of_the_keys(cache: ScoreCache) -> None:
    keys = some_keys(600)
    cache.write({key: key[::-1] for key in keys[::2]}, 60)
    expected = [key[::-1] if index % 2 == 0 else None for index, key in enumerate(keys)]
    assert list(cache.read(keys)) == expected
    assert list(cache.read(keys[::-1])) == expected[::-1]


def test_any_bytes_are_kept_and_the_last_write_wins(cache: ScoreCache) -> None:
    (key,) = some_keys(1)
    cache.write({key: b""}, 60)
    assert list(cache.read([key])) == [b""]
    value = bytes(range(256)) + b"\r\n$3\r\n"
    cache.write({key: value}, 60)
    assert list(cache.read([key, key])) == [value, value]


def test_nothing_asked_is_nothing_answered(cache: ScoreCache) -> None:
    assert list(cache.read([])) == []
    cache.write({}, 60)
