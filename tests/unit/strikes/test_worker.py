"""The process: its admin port and its data directory."""

import time

import pytest

from stream.errors import ConfigError
from stream.health import Health
from stream.metrics import PrometheusMetrics
from stream.settings import AdminSettings
from stream.strikes.worker import open_admin


def test_the_default_admin_port_gives_way_and_a_chosen_one_does_not() -> None:
    health, metrics = Health(time.monotonic, 60), PrometheusMetrics()
    with open_admin(AdminSettings(), health, metrics) as one, open_admin(AdminSettings(), health, metrics) as other:
        assert other.port != AdminSettings().port
        assert other.port != one.port
        with pytest.raises(ConfigError, match=r"admin\.port"):
            open_admin(AdminSettings(port=one.port), health, metrics)
