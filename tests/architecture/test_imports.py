"""Imports: the contracts of ``.importlinter`` hold, and they would be missed if they did not."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
LINT: Final = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [LINT, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(folder)},
    )


def test_the_contracts_hold() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("model/policy.py", "import stream.records", "model moves nothing"),
        ("schemas/event.py", "import model.normalise", "model moves nothing"),
        ("model/normalise.py", "import torch", "judging needs no client library and no torch"),
        # Indirectly: the judge asks the resolver, the resolver would ask torch.
        ("model/resolver.py", "import model.torch_classifier", "judging needs no client library and no torch"),
        ("stream/records.py", "import stream.redis_cache", "judging needs no client library and no torch"),
        ("schemas/topics.py", "import confluent_kafka", "schemas need"),
    ],
)
def test_a_forbidden_import_is_reported(tmp_path: Path, module: str, line: str, broken: str) -> None:
    for package in ("schemas", "model", "stream"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "bundled"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    planted = tmp_path / module
    planted.write_text(planted.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    result = lint(tmp_path)
    assert result.returncode == 1, result.stdout
    assert broken in " ".join(row for row in result.stdout.splitlines() if row.endswith("BROKEN"))


FRESH: Final = "import sys; {}; print([name for name in {!r} if name in sys.modules])"
HEAVY: Final = ("torch", "transformers", "tokenizers", "confluent_kafka", "redis", "faust", "numpy", "pydantic")


def loaded(statement: str, names: tuple[str, ...]) -> str:
    """Return which of the modules a statement loads in a fresh interpreter."""
    code = FRESH.format(statement, names)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded("import stream.cli", HEAVY) == "[]"


def test_the_judge_loads_no_client_and_no_torch() -> None:
    assert loaded("import stream.judge", ("torch", "transformers", "confluent_kafka", "redis", "faust")) == "[]"


def test_the_strikes_worker_loads_neither_torch_nor_librdkafka() -> None:
    assert loaded("import stream.strikes.app", ("torch", "transformers", "confluent_kafka")) == "[]"
