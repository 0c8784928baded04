"""Where an evaluation's report goes."""

from pathlib import Path

import pytest

from model.training.report import report_paths


@pytest.mark.parametrize("given", ["out/report", "out/report.json", "out/report.html"])
def test_a_report_may_be_named_by_either_file_or_neither(given: str) -> None:
    assert report_paths(Path(given)) == [Path("out/report.json"), Path("out/report.html")]


def test_a_dot_in_a_name_is_no_ending() -> None:
    assert report_paths(Path("model-v1.5")) == [Path("model-v1.5.json"), Path("model-v1.5.html")]
