"""The worker's promise on a cluster of three brokers that loses one after the other, each one that matters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.cluster_trial import ROLES, Loss, Trial
from tests.support.servers import has_local_kafka, unavailable

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three brokers that may be hurt."""
    if not has_local_kafka():
        unavailable("Kafka cluster whose brokers may be killed", "make kafka")
    cluster = Cluster(tmp_path / "kafka")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def test_workers_outlive_the_loss_of_every_broker_that_matters(cluster: Cluster, tmp_path: Path) -> None:
    losses = list[Loss]()
    reports = Trial(cluster, ["classic", "consumer"], tmp_path, rate=150).run(ROLES, losses.append)
    assert all(report.sound for report in reports), (reports, losses)
