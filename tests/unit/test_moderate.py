"""``chatwarden moderate``: the loop between the lines, and how it reports."""

import io
import os
import signal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.verdict import Verdict
from stream.cli import app
from stream.commands.moderate import Progress, pump
from stream.errors import ConfigError, TransportError
from stream.interrupts import Interrupted, Interrupts
from stream.lines import LineSource
from stream.records import Chunk, Record
from stream.summary import Summary
from tests.support.judges import a_judge, an_event


class Memory:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes, /) -> None:
        self.data += data


class ManualTime:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(data: bytes) -> tuple[list[Verdict], bytes, str]:
    verdicts, letters, reports = Memory(), Memory(), io.StringIO()
    progress = Progress(reports, ManualTime(), Summary())
    blocks = iter((data,))
    with Interrupts() as interrupts:
        pump(LineSource(lambda _: next(blocks, b""), 4), a_judge(), (verdicts, letters), interrupts, progress)
    progress.finish("done")
    return [Verdict.model_validate_json(line) for line in verdicts.data.splitlines()], letters.data, reports.getvalue()


def test_verdicts_come_in_input_order_and_malformed_lines_apart() -> None:
    lines = [an_event("hello", "a"), b"{", an_event("rotten", "b"), b"", b"\xff", an_event("hello", "c")]
    verdicts, letters, report = run(b"\n".join(lines))
    assert [(v.event_id, v.action) for v in verdicts] == [("a", "allow"), ("b", "block"), ("c", "allow")]
    assert verdicts[0].origin is None
    assert len(letters.splitlines()) == 2
    assert "5 records" in report
    assert "allow 2 (66.7%) · flag 0 (0.0%) · block 1 (33.3%)" in report
    assert "insult 1" in report
    assert "1 not_json, the first in line 2" in report
    assert "1 not_utf8, the first in line 5" in report


def test_an_empty_input_is_an_empty_output() -> None:
    verdicts, letters, report = run(b"")
    assert (verdicts, letters) == ([], b"")
    assert "0 records" in report


def test_the_classifier_being_down_names_the_line() -> None:
    with pytest.raises(TransportError, match="at line 5"):
        run(b"\n".join([an_event()] * 4 + [an_event("blackout")]))


def test_an_interruption_leaves_whole_lines() -> None:
    verdicts = Memory()
    judge = a_judge()

    def read(_: int) -> bytes:
        os.kill(os.getpid(), signal.SIGINT)
        return b"\n".join([an_event()] * 9)

    progress = Progress(io.StringIO(), ManualTime(), Summary())
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        pump(LineSource(read, 4), judge, (verdicts, Memory()), interrupts, progress)
    assert [Verdict.model_validate_json(line).event_id for line in verdicts.data.splitlines()] == ["e"] * 4
    assert verdicts.data.endswith(b"\n")


def test_progress_speaks_seldom_to_a_log_and_after_two_seconds() -> None:
    output, time = io.StringIO(), ManualTime()
    progress = Progress(output, time, Summary())
    judged = a_judge()(Chunk([Record(an_event(), 0)]))
    for _ in range(150):
        progress.add(judged, 1)
        time.now += 0.1
    assert len(output.getvalue().splitlines()) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["{in}", "--output", "{in}"],
        ["{in}", "--dead-letters", "{in}"],
        ["{in}", "--output", "{out}", "--dead-letters", "{out}"],
        ["{in}", "--dead-letters", "-"],
    ],
)
def test_files_that_would_overwrite_one_another_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    names = {"in": str(tmp_path / "in"), "out": str(tmp_path / "out")}
    Path(names["in"]).write_bytes(an_event())
    result = CliRunner().invoke(app, ["moderate", *(argument.format(**names) for argument in arguments)])
    assert isinstance(result.exception, ConfigError)
    assert "name another file" in str(result.exception)
    assert Path(names["in"]).read_bytes() == an_event()
