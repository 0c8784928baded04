"""What several integration tests begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.strikes_trial import Trial


@pytest.fixture
def trial(kafka: str, tmp_path: Path) -> Iterator[Trial]:
    """A trial of strikes workers, on the broker that others use too."""
    trial = Trial(kafka, tmp_path)
    trial.prepare()
    yield trial
    trial.close()
