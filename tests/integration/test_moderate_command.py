"""``chatwarden moderate`` as a process: pipes, signals, readers that leave, input of every kind."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from model.bundle import Bundle
from tests.support.checkpoints import tiny_bundle
from tests.support.judges import an_event

COMMAND: Final = Path(sys.executable).with_name("chatwarden")
START_S: Final = 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def arguments(bundle: Bundle) -> list[str]:
    return [str(COMMAND), "moderate", "--model", str(bundle.path), "--resolvers", "rules"]


def run(arguments: list[str], *more: object, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*arguments, *map(str, more)], input=data, capture_output=True, check=False, timeout=2 * START_S
    )


@pytest.fixture
def live(arguments: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    # Unbuffered: what readline takes ahead, communicate would not see.
    process = subprocess.Popen(
        arguments, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield process
    process.kill()
    process.communicate()


def ids(output: bytes) -> list[str]:
    return [json.loads(line)["event_id"] for line in output.splitlines()]


def test_any_line_is_a_verdict_or_a_dead_letter_and_none_stops_the_run(arguments: list[str], tmp_path: Path) -> None:
    huge = b'{"event_id": "' + b"x" * 2_000_000 + b'"}'
    broken = [
        b'{"event_id": "cut',
        b"\x00\x00",
        b"\xff\xfe{}",
        b"[" * 5_000,
        huge,
        b"NaN",
        b"null",
        an_event().replace(b'"hello"', b'"\\ud800"'),
        b'{"event_id": 7}',
    ]
    lines = [an_event(event_id="first"), b"", b" \t"]
    for number, line in enumerate(broken):
        lines += [line, an_event(event_id=str(number)) + b"\r"]
    source, letters = tmp_path / "in.jsonl", tmp_path / "dead.jsonl"
    source.write_bytes(b"\n".join([*lines, an_event(event_id="last")]))
    result = run(arguments, source, "--dead-letters", letters)
    assert result.returncode == 0, result.stderr
    assert ids(result.stdout) == ["first", *map(str, range(len(broken))), "last"]
    dead = [json.loads(line) for line in letters.read_bytes().splitlines()]
    assert [base64.b64decode(letter["raw_base64"]) for letter in dead] == broken
    assert [letter["line"] for letter in dead] == [4 + 2 * number for number in range(len(broken))]
    assert b"20 records" in result.stderr


def test_files_and_pipes_give_the_same_verdicts(arguments: list[str], tmp_path: Path) -> None:
    data = b"\n".join(an_event(event_id=str(number)) for number in range(2_000))
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(data)
    assert run(arguments, source, "--output", output).returncode == 0
    piped = run(arguments, "-", data=data).stdout
    assert ids(output.read_bytes()) == ids(piped) == [str(number) for number in range(2_000)]
    decided = [{**json.loads(line), "decided_at": None} for line in piped.splitlines()]
    assert [{**json.loads(line), "decided_at": None} for line in output.read_bytes().splitlines()] == [
        {**verdict, "resolved_by": written["resolved_by"]}
        for verdict, written in zip(decided, map(json.loads, output.read_bytes().splitlines()), strict=True)
    ]


def test_the_classifier_alone_scores_everything(bundle: Bundle) -> None:
    data = b"\n".join([an_event(event_id="a"), an_event(event_id="b")] * 600)
    result = run([str(COMMAND), "moderate", "--model", str(bundle.path), "--resolvers", "classifier"], data=data)
    assert result.returncode == 0, result.stderr
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert {verdict["resolved_by"] for verdict in verdicts} == {"classifier"}
    assert all(verdict["scores"] for verdict in verdicts)


def test_a_live_pipe_is_answered_line_by_line(live: "subprocess.Popen[bytes]") -> None:
    assert live.stdin
    assert live.stdout
    waits = []
    for number in range(5):
        started = time.monotonic()
        live.stdin.write(an_event(event_id=str(number)) + b"\n")
        live.stdin.flush()
        assert json.loads(live.stdout.readline())["event_id"] == str(number)
        waits.append(time.monotonic() - started)
    assert min(waits[1:]) < 0.5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_whole_lines(live: "subprocess.Popen[bytes]", number: int, code: int) -> None:
    assert live.stdin
    assert live.stdout
    live.stdin.write(b"\n".join(an_event(event_id=str(n)) for n in range(900)) + b"\nunfinish")
    live.stdin.flush()
    first = live.stdout.readline()
    live.send_signal(number)
    output, errors = live.communicate(timeout=START_S)
    assert live.returncode == code, errors
    found = ids(first + output)
    assert found == [str(n) for n in range(len(found))]
    assert b"interrupted after line %d:" % len(found) in errors


def test_an_interrupt_while_starting_is_one_too(arguments: list[str]) -> None:
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=START_S)
    assert process.returncode == 130
    assert b"interrupted" in errors
    assert b"Traceback" not in errors


def test_a_reader_that_leaves_ends_the_run_quietly(arguments: list[str], tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"\n".join(an_event(event_id=str(number)) for number in range(20_000)))
    process = subprocess.Popen([*arguments, str(source)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(START_S) == 141
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["nowhere.jsonl"], "cannot read nowhere.jsonl: No such file"),
        ([os.devnull, "--output", "/nowhere/out"], "cannot write /nowhere/out"),
        ([os.devnull, "--output", "x" * 300], "File name too long"),
        ([os.devnull, "--policy", "nowhere.toml"], "policy.path: nowhere.toml"),
        ([os.devnull, "--resolvers", "oracle"], "pipeline.resolvers.0"),
        ([os.devnull, "--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_wrong_usage_is_one_clear_line(arguments: list[str], more: list[str], message: str) -> None:
    result = run(arguments, *more)
    assert result.returncode == 2
    assert message in result.stderr.decode()
    assert b"Traceback" not in result.stderr


def test_a_full_disk_is_told(arguments: list[str]) -> None:
    result = run(arguments, "--output", "/dev/full", data=an_event())
    assert result.returncode == 74
    assert b"cannot write /dev/full: No space left" in result.stderr


def test_nothing_that_players_wrote_is_on_standard_error(arguments: list[str]) -> None:
    result = run(arguments, data=an_event("very private words") + b"\nvery private words\n")
    assert b"private" not in result.stderr


def test_a_folder_as_input_is_told(arguments: list[str], tmp_path: Path) -> None:
    result = run(arguments, tmp_path)
    assert result.returncode in (2, 74)
    assert b"Is a directory" in result.stderr
    assert b"Traceback" not in result.stderr
