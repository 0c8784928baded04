"""The cache resolver: one round trip each way, nothing trusted, failures are misses."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.resolver import Answer, Floor, Text
from stream.breaker import Breaker
from stream.cache import CacheResolver, Sealer
from stream.metrics import PrometheusMetrics
from tests.support.score_cache import DictCache

SCORED = Answer((0.25, 0.75), "classifier")
SEALER = Sealer(b"secret", "scorer", 2)


class Bench:
    """A resolver over a dict, with everything at hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.cache = DictCache()
        self.metrics = PrometheusMetrics()
        breaker = Breaker(lambda: self.now, failures=2, cooldown_s=1)
        self.resolver = CacheResolver(self.cache, SEALER, breaker, self.metrics, 60, lambda: self.now)

    def measured(self, sample: str) -> bool:
        return f"chatwarden_{sample}" in self.metrics.exposition().decode()


def test_one_round_trip_to_write_and_one_to_read_whatever_the_size() -> None:
    bench = Bench()
    texts = [Text(f"text {i}") for i in range(1000)]
    bench.resolver.remember(dict.fromkeys(texts, SCORED))
    assert bench.resolver([*texts, Text("new")]) == [*[Answer((0.25, 0.75), "cache")] * 1000, None]
    assert (bench.cache.reads, bench.cache.writes) == (1, 1)
    assert bench.measured('cache_lookups_total{result="hit"} 1000.0')
    assert bench.measured('cache_lookups_total{result="miss"} 1.0')


def test_only_the_classifiers_scores_are_kept() -> None:
    bench = Bench()
    answers = {
        Text("rule"): Answer((0, 1), "rule", Floor("block", 1)),
        Text("gate"): Answer((1, 0), "gate"),
        Text("cache"): Answer((1, 0), "cache"),
        Text("floor"): Answer((0.5, 0.5), "classifier", Floor("flag", 1)),
    }
    bench.resolver.remember(answers)
    assert bench.resolver(list(answers)) == [None, None, None, Answer((0.5, 0.5), "cache")]
    bench.resolver.remember({Text("rule"): answers[Text("rule")]})
    assert bench.cache.writes == 1


def test_what_the_classifier_does_not_see_does_not_split_the_cache() -> None:
    bench = Bench()
    bench.resolver.remember({Text("hello", "en"): SCORED})
    assert bench.resolver([Text("hello", "de", "pack")]) == [Answer((0.25, 0.75), "cache")]


def test_other_secrets_and_scorers_find_nothing() -> None:
    text = Text("hello")
    keys = {SEALER.key(text), Sealer(b"other", "scorer", 2).key(text), Sealer(b"secret", "other", 2).key(text)}
    assert len(keys) == 3


@settings(max_examples=30)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12), st.text(st.characters(codec="utf-8"), max_size=20))
def test_scores_come_back_exactly(grid: list[int], canonical: str) -> None:
    scores = tuple(round(step / 1000, 3) for step in grid)
    sealer = Sealer(b"secret", "scorer", len(scores))
    key = sealer.key(Text(canonical))
    assert sealer.open(key, sealer.seal(key, scores)) == scores


@given(st.data())
def test_a_value_that_anybody_touched_is_none(data: st.DataObject) -> None:
    key, other = SEALER.key(Text("one")), SEALER.key(Text("two"))
    value = SEALER.seal(key, (0.25, 0.75))
    assert SEALER.open(other, value) is None
    position = data.draw(st.integers(0, len(value) - 1))
    flipped = value[position] ^ data.draw(st.integers(1, 255))
    assert SEALER.open(key, value[:position] + bytes([flipped]) + value[position + 1 :]) is None
    assert SEALER.open(key, value[: data.draw(st.integers(0, len(value) - 1))]) is None
    assert SEALER.open(key, value + b"\0") is None


@pytest.mark.parametrize("forged", [b"", b"hello", b"\0" * 20])
def test_an_invalid_value_is_a_miss_that_is_counted(forged: bytes) -> None:
    bench = Bench()
    bench.cache.values[SEALER.key(Text("slur"))] = forged
    assert bench.resolver([Text("slur")]) == [None]
    assert bench.measured('redis_errors_total{kind="invalid"} 1.0')


def test_an_outage_is_misses_then_silence_then_one_probe(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stream.cache")
    bench = Bench()
    bench.resolver.remember({Text("a"): SCORED})
    bench.cache.away = True
    for _ in range(10):
        assert bench.resolver([Text("a")]) == [None]
        bench.resolver.remember({Text("b"): SCORED})
    assert bench.cache.reads + bench.cache.writes == 3  # one write before; a read and a write opened the breaker
    assert bench.measured('degraded{component="redis"} 1.0')
    assert bench.measured('cache_lookups_total{result="skipped"} 9.0')
    bench.cache.away = False
    bench.now += 1
    assert bench.resolver([Text("a")]) == [Answer((0.25, 0.75), "cache")]
    assert bench.measured('degraded{component="redis"} 0.0')
    away, back = caplog.messages
    assert away == "continuing without the shared cache: the dict is away"
    assert back == "the shared cache is back"
