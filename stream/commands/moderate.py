"""``chatwarden moderate``: JSON Lines in, verdicts out, in input order; needs no server."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TextIO

import typer

from stream.commands.options import Config, Model, PolicyFile, Resolvers, resolver_names
from stream.errors import BROKEN_PIPE, ConfigError, FileError, TransportError

if TYPE_CHECKING:
    from stream.interrupts import Interrupts
    from stream.lines import LineSource, Output
    from stream.records import Chunk, Judged
    from stream.settings import Settings
    from stream.summary import Summary

STANDARD: Final = Path("-")


def moderate(
    source: Annotated[
        Path, typer.Argument(metavar="[INPUT]", help="JSON Lines of chat events; - or nothing is standard input.")
    ] = STANDARD,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Verdicts; - is standard output.")
    ] = STANDARD,
    dead_letters: Annotated[
        Path | None,
        typer.Option(
            "--dead-letters",
            metavar="FILE",
            help="Malformed lines, each with cause and bytes; by default only counted.",
        ),
    ] = None,
    model: Model = None,
    policy: PolicyFile = None,
    resolvers: Resolvers = None,
    config: Config = None,
) -> None:
    """Judge chat events from a file or pipe and write one verdict per event, in input order.

    A malformed line becomes a dead letter and never stops the run; blank lines are skipped.  Progress and a summary go
    to standard error.

    Exit codes: 0 done · 2 usage or configuration · 74 a file cannot be read or written · 75 the classifier is down ·
    130 interrupted (after a complete line) · 141 the reader of the output is gone.
    """
    from stream.settings import load_settings

    overrides = {"model.bundle": model, "policy.path": policy, "pipeline.resolvers": resolver_names(resolvers)}
    settings = load_settings(config, overrides)
    _refuse_clashes(source, output, dead_letters)
    _moderate(settings, source, output, dead_letters)


def _moderate(settings: "Settings", source: Path, output: Path, dead_letters: Path | None) -> None:
    from stream import wiring
    from stream.heap import freeze_heap
    from stream.interrupts import Interrupted, Interrupts
    from stream.lines import LineSource
    from stream.summary import Summary

    with ExitStack() as stack:
        reader = stack.enter_context(_reading(source))
        if "classifier" in settings.pipeline.resolvers:
            typer.echo("loading the model …", err=True)
        judge = wiring.judge(settings, lambda: datetime.now(UTC))
        freeze_heap()
        outputs = stack.enter_context(_writing(output)), stack.enter_context(_writing(dead_letters))
        interrupts = stack.enter_context(Interrupts())
        lines = LineSource(lambda size: interrupts.wait(lambda: reader(size)), settings.pipeline.chunk_size)
        progress = Progress(sys.stderr, time.monotonic, Summary())
        try:
            pump(lines, judge, outputs, interrupts, progress)
        except Interrupted as exc:
            progress.finish(f"interrupted after line {progress.line:,}")
            raise typer.Exit(exc.exit_code) from exc
        except BrokenPipeError as exc:
            _silence_standard_output()
            raise typer.Exit(BROKEN_PIPE) from exc
        progress.finish("done")


def pump(
    lines: "LineSource",
    judge: "Callable[[Chunk], Judged]",
    outputs: "tuple[Output, Output]",
    interrupts: "Interrupts",
    progress: "Progress",
) -> None:
    """Read, judge and write until the input ends.

    Raises:
        Interrupted: by a signal, between chunks.
        FileError: the input cannot be read or an output cannot be written.
        TransportError: the classifier is down.
    """
    from model.classifier import ClassifierDown
    from stream.lines import write_judged

    for chunk in lines:
        try:
            judged = judge(chunk)
        except ClassifierDown as exc:
            raise TransportError(f"the classifier is down, at line {chunk.records[0].offset + 1:,}: {exc}") from exc
        write_judged(judged, *outputs)
        progress.add(judged, chunk.records[-1].offset + 1)
        interrupts.check()


@dataclass(slots=True)
class Progress:
    """Reports progress now and then, and the summary at the end.

    A terminal gets one line that is updated, a log one line every ten seconds.
    """

    output: TextIO
    clock: Callable[[], float]
    summary: "Summary"
    started: float = field(init=False)
    due: float = field(init=False)
    line: int = 0
    """The last line whose results are all written."""

    def __post_init__(self) -> None:
        self.started = self.clock()
        self.due = self.started + 2

    def add(self, judged: "Judged", line: int) -> None:
        """Count a chunk written up to ``line``; report progress when it is due."""
        self.summary.add(judged)
        self.line = line
        now = self.clock()
        if now < self.due:
            return
        terminal = self.output.isatty()
        rate = self.summary.records / (now - self.started)
        text = f"{self.summary.records:,} records, {rate:,.0f}/s, {self.summary.dead_letters.total():,} dead letters"
        self.output.write(f"\r\x1b[K{text}" if terminal else f"{text}\n")
        self.output.flush()
        self.due = now + (0.5 if terminal else 10)

    def finish(self, how: str) -> None:
        """Report the summary."""
        start = "\r\x1b[K" if self.output.isatty() else ""
        self.output.write(f"{start}{how}: {self.summary.describe(self.clock() - self.started)}\n")
        self.output.flush()


def _refuse_clashes(source: Path, output: Path, dead_letters: Path | None) -> None:
    """Refuse files that would overwrite one another."""
    if STANDARD not in (source, output) and _same(source, output):
        raise ConfigError(f"--output {output} is the input; name another file")
    if dead_letters is None:
        return
    if dead_letters == output or (STANDARD not in (dead_letters, output) and _same(dead_letters, output)):
        raise ConfigError(f"--dead-letters {dead_letters} is the output; name another file")
    if STANDARD not in (source, dead_letters) and _same(source, dead_letters):
        raise ConfigError(f"--dead-letters {dead_letters} is the input; name another file")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.is_file() and one.samefile(other)
    except OSError:  # one of them cannot be inspected: opening it says why
        return False


@contextmanager
def _reading(source: Path) -> Iterator[Callable[[int], bytes]]:
    try:
        descriptor = 0 if source == STANDARD else os.open(source, os.O_RDONLY)
    except OSError as exc:
        raise ConfigError(f"cannot read {source}: {exc.strerror}") from exc
    if source == STANDARD and sys.stdin.isatty():
        typer.echo("reading chat events from the terminal, one JSON object per line; Ctrl-D ends", err=True)

    def read(size: int) -> bytes:
        try:
            return os.read(descriptor, size)
        except OSError as exc:
            raise FileError(f"cannot read {source}: {exc.strerror}") from exc

    try:
        yield read
    finally:
        if descriptor:
            os.close(descriptor)


@contextmanager
def _writing(target: Path | None) -> Iterator["Output"]:
    from stream.lines import Descriptor, Discard

    if target is None:
        yield Discard()
        return
    try:
        descriptor = 1 if target == STANDARD else os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as exc:
        raise ConfigError(f"cannot write {target}: {exc.strerror}") from exc
    try:
        yield Descriptor(descriptor, str(target))
    finally:
        if descriptor != 1:
            os.close(descriptor)


def _silence_standard_output() -> None:
    """Keep the interpreter's flush at exit from failing on a reader that is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
