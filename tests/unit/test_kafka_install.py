"""``deploy/kafka/install.sh``, with a Maven that does as the test says, and what ``start.sh`` refuses."""

import hashlib
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

import pytest

INSTALL: Final = Path(__file__).parents[2] / "deploy" / "kafka" / "install.sh"
MAVEN: Final = """#!/bin/sh
printf '\\033[1mhello\\033[0m\\n'
for word in "$@"; do
  case "$word" in -DoutputDirectory=*) mkdir -p "${word#*=}"; printf '%s' "$JAR" > "${word#*=}/kafka.jar" ;; esac
done
exit "$CODE"
"""


@pytest.fixture
def kafka(tmp_path: Path) -> Path:
    for name in ("java", "mvn"):
        (tmp_path / name).write_text(MAVEN)
        (tmp_path / name).chmod(0o755)
    folder = tmp_path / "kafka"
    folder.mkdir()
    shutil.copy(INSTALL, folder)
    digest = hashlib.sha256(b"the jar").hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  kafka.jar\n")
    return folder


def install(kafka: Path, jar: str, code: int = 0) -> "subprocess.CompletedProcess[str]":
    path = f"{kafka.parent}:{os.environ['PATH']}"
    env = {"PATH": path, "JAR": jar, "CODE": str(code)}
    return subprocess.run([kafka / "install.sh"], env=env, capture_output=True, text=True, check=False)


def test_what_matches_its_digest_is_installed_without_a_word_too_many(kafka: Path) -> None:
    done = install(kafka, "the jar")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "== fetching Apache Kafka into deploy/kafka/lib\n"
    assert (kafka / "lib" / ".installed").exists()


def test_what_does_not_is_thrown_away(kafka: Path) -> None:
    done = install(kafka, "another jar")
    assert done.returncode == 2
    assert "they are not used" in done.stderr
    assert not (kafka / "lib").exists()


def test_a_maven_that_fails_is_heard_without_its_colours(kafka: Path) -> None:
    done = install(kafka, "the jar", code=1)
    assert done.returncode == 2
    assert done.stderr.startswith("hello\nMaven could not fetch Kafka")
    assert not (kafka / "lib" / ".installed").exists()


def test_a_port_that_is_taken_is_named_with_the_mend(kafka: Path) -> None:
    shutil.copy(INSTALL.with_name("start.sh"), kafka)
    assert install(kafka, "the jar").returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [str(kafka / "start.sh"), "--port", port, "--dir", str(kafka / "data")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"Port {port} is in use" in done.stderr
    assert "--controller-port" in done.stderr
    assert not (kafka / "data").exists()


def test_an_option_without_its_value_gets_the_usage() -> None:
    done = subprocess.run([INSTALL.with_name("start.sh"), "--port"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Run one real Kafka broker")
