"""JSON Lines in and out: chunks of records from a file or pipe, verdicts and dead letters to another.

A line ends with a newline; the last one need not.  Blank lines (nothing but spaces, tabs and carriage returns) are
skipped, but counted in line numbers.  A byte order mark at the very start is dropped.
"""

import base64
import os
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from schemas.codec import encode
from schemas.dead_letter import MAX_RECORD_BYTES, DeadLetterLine
from stream.errors import FileError
from stream.records import Chunk, DeadLetter, Judged, Outgoing, Record

BLOCK: Final = 262_144
"""Maximum bytes per read.  A read returns what a pipe has, so a slow writer's lines are judged as they come."""

MAX_KEPT: Final = 16 * MAX_RECORD_BYTES
"""Only the start of a line longer than this many bytes is kept; it is far too long to be an event."""

Read = Callable[[int], bytes]
"""Return up to this many bytes as soon as any are there; ``b""`` at the end.  May block."""

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r"


class LineSource:
    """Splits bytes into chunks of records.  Memory is bounded by a block and one line of ``MAX_KEPT`` bytes."""

    def __init__(self, read: Read, chunk_size: int) -> None:
        self._read = read
        self._chunk_size = chunk_size
        self._unfinished: list[bytes] = []
        self._kept = 0
        self.lines = 0
        self.blank = 0

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks of at most ``chunk_size`` records.  A line is never held back to wait for another."""
        while block := self._read(BLOCK):
            yield from self._chunks(self._complete(block))
        if self._kept:
            yield from self._chunks([self._take()])

    def _complete(self, block: bytes) -> list[bytes]:
        """Return the lines that this block completes; keep the incomplete rest."""
        lines = block.split(b"\n")
        last = lines.pop()
        if lines:
            self._keep(lines[0])
            lines[0] = self._take()
        self._keep(last)
        return lines

    def _keep(self, piece: bytes) -> None:
        piece = piece[: MAX_KEPT - self._kept]
        if piece:
            self._unfinished.append(piece)
            self._kept += len(piece)

    def _take(self) -> bytes:
        line = b"".join(self._unfinished)
        self._unfinished.clear()
        self._kept = 0
        return line

    def _chunks(self, lines: list[bytes]) -> Iterator[Chunk]:
        """Number the lines, skip blank ones, and group the rest."""
        first = self.lines
        if not first and lines:
            lines[0] = lines[0].removeprefix(_BOM)
        self.lines += len(lines)
        records = [Record(line, first + i) for i, line in enumerate(lines) if line.strip(_BLANK)]
        self.blank += len(lines) - len(records)
        for start in range(0, len(records), self._chunk_size):
            yield Chunk(records[start : start + self._chunk_size])


class Output(Protocol):
    """Where bytes are written to."""

    def write(self, data: bytes, /) -> None:
        """Write everything.  May block."""
        ...


class Descriptor:
    """Writes to a file descriptor immediately and completely: an interruption leaves no buffer behind."""

    def __init__(self, number: int, name: str) -> None:
        self._number = number
        self._name = name

    def write(self, data: bytes, /) -> None:
        """Write all of it.

        Raises:
            BrokenPipeError: the reader is gone.
            FileError: the disk is full or another I/O error.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._number, rest) :]
        except BrokenPipeError:
            raise
        except OSError as exc:
            raise FileError(f"cannot write {self._name}: {exc.strerror}") from exc


class Discard:
    """Discards everything."""

    def write(self, data: bytes, /) -> None:
        """Discard it."""


def write_judged(judged: Judged, verdicts: Output, dead_letters: Output) -> None:
    """Write a chunk's results in input order, one line each, in one write per output."""
    lines = [result.verdict for result in judged.results if isinstance(result, Outgoing)]
    broken = [_dead_letter_line(result) for result in judged.results if isinstance(result, DeadLetter)]
    if lines:
        verdicts.write(b"\n".join([*lines, b""]))
    if broken:
        dead_letters.write(b"\n".join([*broken, b""]))


def _dead_letter_line(letter: DeadLetter) -> bytes:
    line = DeadLetterLine(
        line=letter.record.offset + 1,
        cause=letter.rejection.cause,
        detail=letter.rejection.detail,
        raw_base64=base64.b64encode(letter.record.value or b"").decode(),
    )
    return encode(line.model_dump())
