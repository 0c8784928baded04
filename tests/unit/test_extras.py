"""A command that lacks a library says which extra brings it."""

import re
import subprocess
import sys
import tomllib

import pytest

from stream.extras import EXTRAS, extra_of
from tests.support.processes import ROOT

_IMPORTED_AS = {"scikit-learn": "sklearn", "faust-streaming": "faust", "confluent-kafka": "confluent_kafka"}


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: listed for name, listed in project["optional-dependencies"].items() if name != "dev"}
    names = {extra: [re.split(r"[\[><=]", line)[0] for line in listed] for extra, listed in extras.items()}
    assert {extra: sorted(_IMPORTED_AS.get(name, name) for name in listed) for extra, listed in names.items()} == {
        extra: sorted(libraries) for extra, libraries in EXTRAS.items()
    }
    assert extra_of("aiokafka") == "strikes"
    assert extra_of("stream") is None


@pytest.mark.parametrize(
    ("arguments", "missing", "said"),
    [
        (("run",), "confluent_kafka", "confluent_kafka is not installed; this command needs chatwarden[worker]"),
        (("topics",), "confluent_kafka", "confluent_kafka is not installed; this command needs chatwarden[worker]"),
        (("strikes",), "aiokafka", "aiokafka is not installed; this command needs chatwarden[strikes]"),
        (("moderate", "/dev/null"), "torch", "torch is not installed; this command needs chatwarden[worker]"),
    ],
)
def test_a_missing_extra_is_one_line_and_a_matter_of_configuration(
    arguments: tuple[str, ...], missing: str, said: str
) -> None:
    script = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = ["chatwarden", *{arguments!r}]
from stream.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"chatwarden: {said}")
    assert "Traceback" not in done.stderr
