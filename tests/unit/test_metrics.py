"""Metrics: the names are a type, the catalogue covers them, and Prometheus can read the result."""

import re
from pathlib import Path
from typing import Final, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream.metrics import (
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    PREFIX,
    CounterName,
    GaugeName,
    HistogramName,
    Metrics,
    NoMetrics,
    Process,
    PrometheusMetrics,
)

STREAM: Final = Path(__file__).parents[2] / "stream"
CALL: Final = re.compile(r"metrics\.(?:count|gauge|forget|observe)\(\s*\"(\w+)\"")


def test_the_catalogue_has_every_name() -> None:
    assert set(COUNTERS) == set(get_args(CounterName))
    assert set(GAUGES) == set(get_args(GaugeName))
    assert set(HISTOGRAMS) == set(get_args(HistogramName))


def test_no_label_is_of_open_range() -> None:
    labels = {label for metrics in (COUNTERS, GAUGES, HISTOGRAMS) for m in metrics.values() for label in m.labels}
    assert labels.isdisjoint({"player_id", "channel_id", "event_id", "text", "game_id", "fingerprint"})


def measure_something(metrics: Metrics) -> None:
    metrics.count("verdicts_total", 3, action="block", category="insult", resolved_by="rule")
    metrics.count("transactions_committed_total")
    metrics.gauge("consumer_lag_records", 7, topic="chat.events", partition="2")
    metrics.gauge("consumer_lag_records", 9, topic="chat.events", partition="3")
    metrics.forget("consumer_lag_records", topic="chat.events", partition="3")
    metrics.forget("consumer_lag_records", topic="chat.events", partition="4")
    metrics.gauge("dead_letter_ratio", 0.25)
    metrics.observe("chunk_records", 512)
    metrics.observe("phase_seconds", 0.02, phase="judge")


def test_prometheus_reads_what_was_measured() -> None:
    metrics = PrometheusMetrics()
    measure_something(metrics)
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }
    verdicts = (("action", "block"), ("category", "insult"), ("resolved_by", "rule"))
    assert samples[PREFIX + "verdicts_total", verdicts] == 3
    assert samples[PREFIX + "transactions_committed_total", ()] == 1
    assert samples[PREFIX + "consumer_lag_records", (("partition", "2"), ("topic", "chat.events"))] == 7
    assert (PREFIX + "consumer_lag_records", (("partition", "3"), ("topic", "chat.events"))) not in samples
    assert samples[PREFIX + "dead_letter_ratio", ()] == 0.25
    assert samples[PREFIX + "chunk_records_sum", ()] == 512
    assert samples[PREFIX + "phase_seconds_bucket", (("le", "0.025"), ("phase", "judge"))] == 1


def test_measuring_nothing_takes_the_same_calls() -> None:
    measure_something(NoMetrics())


@pytest.mark.parametrize("process", get_args(Process))
def test_a_process_has_the_metrics_that_its_code_measures_and_no_others(process: Process) -> None:
    strikes = set((STREAM / "strikes").rglob("*.py"))
    sources = strikes | {STREAM / "health.py"} if process == "strikes" else set(STREAM.rglob("*.py")) - strikes
    measured = {name for path in sources for name in CALL.findall(path.read_text())}
    exposed = {
        family.name.removeprefix(PREFIX)
        for family in text_string_to_metric_families(PrometheusMetrics(process).exposition().decode())
        if family.name.startswith(PREFIX) and not family.name.endswith("_created")
    }
    assert exposed == {name.removesuffix("_total") for name in measured}


def test_values_that_are_known_are_there_before_the_first_of_them() -> None:
    exposition = PrometheusMetrics().exposition().decode()
    for metrics in (COUNTERS, GAUGES):
        for name, metric in metrics.items():
            for value in metric.begins:
                assert f'{PREFIX}{name}{{{metric.labels[0]}="{value}"}} 0.0' in exposition
    assert f'{PREFIX}redis_errors_total{{kind="invalid"}} 0.0' in exposition
