"""The shared score cache: the classifier's scores of a text, for every worker and across restarts.

The store is not trusted.  Keys are keyed digests, so they reveal nothing about a text; values are authenticated
together with their key, so what was not written by us, or not for this text, is a miss.  An outage costs the classifier
calls that the cache would have saved, and a bounded wait: slower, never wrong, never stalled.
"""

import hashlib
import hmac
import logging
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from model.resolver import Answer, Scores, Text
from schemas.verdict import ResolvedBy
from stream.breaker import Breaker
from stream.errors import TransportError
from stream.metrics import Metrics

T = TypeVar("T")

log: Final = logging.getLogger("stream.cache")

KEY_PREFIX: Final = b"cw:"
"""Prefix of every key, so that an access rule can name them: ``~cw:*``."""

_MAC: Final = 16
_GRID: Final = 1_000


class ScoreCache(Protocol):
    """Bytes by key, with a time to live.  It may forget at any time."""

    def read(self, keys: Sequence[bytes], /) -> Sequence[bytes | None]:
        """Return the value of each key, in order, None where there is none.  One round trip, bounded in time.

        Raises:
            TransportError: it is unavailable or too slow.
        """
        ...

    def write(self, values: Mapping[bytes, bytes], ttl_s: int, /) -> None:
        """Keep the values for about ``ttl_s`` seconds.  One round trip, bounded in time.

        Raises:
            TransportError: it is unavailable or too slow.
        """
        ...


class Sealer:
    """Turns texts into keys and scores into authenticated values, and back.

    The classifier sees nothing of an event but its canonical text, so neither language nor pack is part of the key.
    """

    def __init__(self, secret: bytes, scorer: str, width: int) -> None:
        """Bind to a scorer (by digest) with ``width`` categories.  ``secret`` is the same on every worker."""
        self._key = hashlib.blake2b(scorer.encode() + b"\0", key=secret, digest_size=16, person=b"chatwarden-key")
        self._mac = hashlib.blake2b(scorer.encode() + b"\0", key=secret, digest_size=_MAC, person=b"chatwarden-value")
        self._layout: Final = struct.Struct(f"<{width}H")

    def key(self, text: Text) -> bytes:
        """Return the key of a text under this scorer."""
        digest = self._key.copy()
        digest.update(text.canonical.encode())
        return KEY_PREFIX + digest.digest()

    def seal(self, key: bytes, scores: Scores) -> bytes:
        """Pack scores (on the grid of 0.001) and sign them for this key."""
        packed = self._layout.pack(*(round(score * _GRID) for score in scores))
        return self._sign(key, packed) + packed

    def open(self, key: bytes, value: bytes) -> Scores | None:
        """Return the scores in a value; None if it is not ours, not for this key or damaged."""
        packed = value[_MAC:]
        if len(packed) != self._layout.size or not hmac.compare_digest(value[:_MAC], self._sign(key, packed)):
            return None
        return tuple(score / _GRID for score in self._layout.unpack(packed))

    def _sign(self, key: bytes, packed: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(key)
        mac.update(packed)
        return mac.digest()


class CacheResolver:
    """Answers with what the classifier answered before, here or on another worker.  For one thread."""

    kind: ResolvedBy = "cache"

    def __init__(
        self,
        cache: ScoreCache,
        sealer: Sealer,
        breaker: Breaker,
        metrics: Metrics,
        ttl_s: int,
        clock: Callable[[], float],
    ) -> None:
        self._cache = cache
        self._sealer = sealer
        self._breaker = breaker
        self._metrics = metrics
        self._ttl_s = ttl_s
        self._clock = clock

    def __call__(self, texts: Sequence[Text], /) -> list[Answer | None]:
        """Answer what is found.  Blocks for one round trip at most; a failure is a miss."""
        if not self._breaker.allows():
            self._metrics.count("cache_lookups_total", len(texts), result="skipped")
            return [None] * len(texts)
        keys = [self._sealer.key(text) for text in texts]
        values = self._attempt("read", lambda: self._cache.read(keys))
        return [None] * len(texts) if values is None else self._opened(keys, values)

    def remember(self, answers: dict[Text, Answer], /) -> None:
        """Keep the classifier's scores.  Blocks for one round trip at most; never raises on a lost connection."""
        if not self._breaker.allows():
            return
        values: dict[bytes, bytes] = {}
        for text, answer in answers.items():
            if answer.resolved_by == "classifier":
                key = self._sealer.key(text)
                values[key] = self._sealer.seal(key, answer.scores)
        if values:
            self._attempt("write", lambda: self._cache.write(values, self._ttl_s))

    def _opened(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> list[Answer | None]:
        replies: list[Answer | None] = []
        invalid = 0
        for key, value in zip(keys, values, strict=True):
            scores = None if value is None else self._sealer.open(key, value)
            invalid += value is not None and scores is None
            replies.append(None if scores is None else Answer(scores, "cache"))
        hits = len(replies) - replies.count(None)
        self._metrics.count("cache_lookups_total", hits, result="hit")
        self._metrics.count("cache_lookups_total", len(replies) - hits, result="miss")
        if invalid:
            self._metrics.count("redis_errors_total", invalid, kind="invalid")
        return replies

    def _attempt(self, operation: str, call: Callable[[], T]) -> T | None:
        """Make one round trip and report its outcome to the breaker; None is a failure."""
        started, was_closed = self._clock(), self._breaker.closed
        result: T | None = None
        try:
            result = call()
        except TransportError as exc:
            self._breaker.failed()
            self._metrics.count("redis_errors_total", kind=operation)
            if was_closed and not self._breaker.closed:
                log.warning("continuing without the shared cache: %s", exc, extra={"component": "redis"})
        else:
            self._breaker.succeeded()
            if not was_closed:
                log.info("the shared cache is back", extra={"component": "redis"})
        self._metrics.observe("redis_seconds", self._clock() - started, operation=operation)
        self._metrics.gauge("degraded", 0 if self._breaker.closed else 1, component="redis")
        return result
