"""Metrics: what is measured, as a type, and where the measurements go.

The comment beside a name is its documentation; ``docs/operations.md`` lists the same names.  Durations are in seconds.
No label carries chat text, a player id or anything else of open range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest

from schemas.dead_letter import Cause

PREFIX: Final = "chatwarden_"

CounterName = Literal[
    "records_consumed_total",  # records read, by topic and partition
    "verdicts_total",  # verdicts written, by action, category and resolved_by (the resolver that answered)
    "dead_letters_total",  # records that could not be judged, by cause
    "transactions_committed_total",  # committed Kafka transactions
    "transactions_aborted_total",  # aborted Kafka transactions, by cause
    "producers_recreated_total",  # producers replaced after a transaction with unknown outcome
    "rebalances_total",  # partitions assigned, revoked or lost, by kind
    "redis_errors_total",  # failed round trips to Redis, by kind (read, write), and invalid values
    "records_tallied_total",  # strikes worker: records counted, by table and delivery (first, again)
    "strikes_total",  # strikes worker: strikes issued, by kind and action
    "verdicts_lost_total",  # strikes worker: verdicts that retention deleted before they were read
    "standings_erased_total",  # strikes worker: standings erased on request
    "values_lapsed_total",  # strikes worker: stored values removed or reduced after they lapsed, by table
    "cache_lookups_total",  # texts looked up in Redis, by result (hit, miss, skipped: the breaker was open)
    "gate_audits_total",  # texts that the gate cleared and the classifier then scored, by result (right, missed, ...)
]
GaugeName = Literal[
    "consumer_lag_records",  # records not yet read, by topic and partition
    "lag_seconds",  # upper bound of the oldest unread record's age, by topic and partition
    "dead_letter_ratio",  # share of dead letters among the last records
    "degraded",  # 1 while redis or the classifier (the stream is held, or passes unscored) is unavailable
    "waiting",  # 1 while the process waits for a component (model, producer, partitions), as in /readyz
    "decider_info",  # always 1; its labels are the digests of the scorer and the policy in use
    "partitions_assigned",  # partitions assigned to this worker
    "values_kept",  # strikes worker: stored values of this worker, by table
]
HistogramName = Literal[
    "chunk_records",  # records per chunk
    "phase_seconds",  # time per chunk in each phase (poll, judge, commit)
    "end_to_end_seconds",  # from the record's append (its timestamp) to its committed verdict
    "restore_seconds",  # strikes worker: restoring newly assigned partitions from the changelogs
    "redis_seconds",  # one round trip to Redis, by operation (read, write)
]
MetricName = CounterName | GaugeName | HistogramName
Process = Literal["worker", "strikes"]
_BOTH: Final[tuple[Process, ...]] = ("worker", "strikes")
_STRIKES: Final[tuple[Process, ...]] = ("strikes",)

_LATENCY: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_SIZES: Final = (1.0, 4.0, 16.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 16384.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's labels and help; the processes that export it; ``buckets`` for histograms.

    ``begins`` are values of its only label that are exported from the start, at 0: in a counter that first appears with
    a count, Prometheus sees no increase.
    """

    help: str
    labels: tuple[str, ...] = ()
    of: tuple[Process, ...] = ("worker",)
    buckets: tuple[float, ...] = _LATENCY
    begins: tuple[str, ...] = ()


COUNTERS: Final[Mapping[CounterName, Metric]] = {
    "records_consumed_total": Metric("Records read", ("topic", "partition")),
    "verdicts_total": Metric("Verdicts written", ("action", "category", "resolved_by")),
    "dead_letters_total": Metric("Records that could not be judged", ("cause",), _BOTH, begins=get_args(Cause)),
    "transactions_committed_total": Metric("Committed Kafka transactions"),
    "transactions_aborted_total": Metric("Aborted Kafka transactions", ("cause",)),
    "producers_recreated_total": Metric("Producers replaced after a transaction with unknown outcome"),
    "rebalances_total": Metric("Partitions assigned, revoked or lost", ("kind",), _BOTH),
    "redis_errors_total": Metric(
        "Failed round trips to Redis, and invalid values", ("kind",), begins=("read", "write", "invalid")
    ),
    "records_tallied_total": Metric("Records counted by the strikes worker", ("table", "delivery"), _STRIKES),
    "strikes_total": Metric("Strikes issued", ("kind", "action"), _STRIKES),
    "verdicts_lost_total": Metric("Verdicts deleted before the strikes worker read them", (), _STRIKES),
    "standings_erased_total": Metric("Standings erased on request", (), _STRIKES),
    "values_lapsed_total": Metric(
        "Stored values removed or reduced after they lapsed",
        ("table",),
        _STRIKES,
    ),
    "cache_lookups_total": Metric("Texts looked up in Redis", ("result",), begins=("hit", "miss", "skipped")),
    "gate_audits_total": Metric(
        "Texts that the gate cleared and the classifier then scored",
        ("result",),
        begins=("right", "missed", "unscored", "skipped"),
    ),
}
GAUGES: Final[Mapping[GaugeName, Metric]] = {
    "consumer_lag_records": Metric("Records not yet read", ("topic", "partition"), _BOTH),
    "lag_seconds": Metric("Upper bound of the oldest unread record's age", ("topic", "partition")),
    "dead_letter_ratio": Metric("Share of dead letters among the last records"),
    "degraded": Metric("1 while a component is unavailable", ("component",), begins=("redis", "classifier")),
    "waiting": Metric("1 while the process waits for a component", ("component",), _BOTH),
    "decider_info": Metric("Digests of the scorer and the policy in use", ("scorer", "policy")),
    "partitions_assigned": Metric("Partitions assigned to this worker", (), _BOTH),
    "values_kept": Metric("Values that this worker has stored", ("table",), _STRIKES),
}
HISTOGRAMS: Final[Mapping[HistogramName, Metric]] = {
    "chunk_records": Metric("Records per chunk", (), buckets=_SIZES),
    "phase_seconds": Metric("Time per chunk in each phase", ("phase",)),
    "end_to_end_seconds": Metric("From a record's append to its committed verdict"),
    "restore_seconds": Metric("Restoring partitions from the changelogs", (), _STRIKES),
    "redis_seconds": Metric("One round trip to Redis", ("operation",)),
}


class Metrics(Protocol):
    """Where measurements go.  Cheap enough for once per chunk, not for once per record."""

    def count(self, name: CounterName, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        ...

    def gauge(self, name: GaugeName, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        ...

    def forget(self, name: GaugeName, /, **labels: str) -> None:
        """Drop a gauge's labels, for example of a partition that was revoked."""
        ...

    def observe(self, name: HistogramName, value: float, /, **labels: str) -> None:
        """Add to a histogram."""
        ...


class NoMetrics:
    """Measures nothing."""

    def count(self, name: CounterName, amount: float = 1, /, **labels: str) -> None:
        """Ignore it."""

    def gauge(self, name: GaugeName, value: float, /, **labels: str) -> None:
        """Ignore it."""

    def forget(self, name: GaugeName, /, **labels: str) -> None:
        """Ignore it."""

    def observe(self, name: HistogramName, value: float, /, **labels: str) -> None:
        """Ignore it."""


class PrometheusMetrics:
    """Measurements for Prometheus, in a registry of their own, with the process's memory, CPU and open files."""

    def __init__(self, process: Process = "worker") -> None:
        """Register only what this kind of process measures."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._counters = {
            name: Counter(PREFIX + name, metric.help, metric.labels, registry=self._registry)
            for name, metric in COUNTERS.items()
            if process in metric.of
        }
        self._gauges = {
            name: Gauge(PREFIX + name, metric.help, metric.labels, registry=self._registry)
            for name, metric in GAUGES.items()
            if process in metric.of
        }
        self._histograms = {
            name: Histogram(PREFIX + name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets)
            for name, metric in HISTOGRAMS.items()
            if process in metric.of
        }
        for counter_name, counter in self._counters.items():
            for value in COUNTERS[counter_name].begins:
                counter.labels(value)
        for gauge_name, gauge in self._gauges.items():
            for value in GAUGES[gauge_name].begins:
                gauge.labels(value)

    def count(self, name: CounterName, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(amount)

    def gauge(self, name: GaugeName, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        gauge = self._gauges[name]
        (gauge.labels(**labels) if labels else gauge).set(value)

    def forget(self, name: GaugeName, /, **labels: str) -> None:
        """Drop a gauge's labels, if they exist."""
        self._gauges[name].remove_by_labels(labels)

    def observe(self, name: HistogramName, value: float, /, **labels: str) -> None:
        """Add to a histogram."""
        histogram = self._histograms[name]
        (histogram.labels(**labels) if labels else histogram).observe(value)

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)
