"""Lines: every byte of the input ends up in one record, whatever the reads look like."""

import base64
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letter import DeadLetterLine, Rejection
from stream.errors import FileError
from stream.lines import MAX_KEPT, Descriptor, Discard, LineSource, write_judged
from stream.records import DeadLetter, Judged, Outgoing, Record


def reads(*blocks: bytes) -> Callable[[int], bytes]:
    """Return a read that gives one block after another."""
    rest = iter(blocks)
    return lambda _: next(rest, b"")


def lines_of(*blocks: bytes, chunk_size: int = 3) -> list[tuple[int, bytes | None]]:
    return [(r.offset, r.value) for chunk in LineSource(reads(*blocks), chunk_size) for r in chunk.records]


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ((), []),
        ((b"a\nb\n",), [(0, b"a"), (1, b"b")]),
        ((b"a\nb",), [(0, b"a"), (1, b"b")]),
        ((b"a", b"b\nc", b"d", b"e\n"), [(0, b"ab"), (1, b"cde")]),
        ((b"a\r\n \t\r\n\nb",), [(0, b"a\r"), (3, b"b")]),
        ((b"\xef\xbb", b"\xbfa\n\xef\xbb\xbfb\n"), [(0, b"a"), (1, b"\xef\xbb\xbfb")]),
        ((b"\x00\n\xff\n",), [(0, b"\x00"), (1, b"\xff")]),
        ((b"a\x0bb\xe2\x80\xa8c\x85\n",), [(0, b"a\x0bb\xe2\x80\xa8c\x85")]),
    ],
)
def test_lines_end_with_newlines_alone(blocks: tuple[bytes, ...], expected: list[tuple[int, bytes]]) -> None:
    assert lines_of(*blocks) == expected


@given(st.binary(max_size=60), st.lists(st.integers(1, 9), max_size=30), st.integers(1, 4))
def test_how_the_input_is_cut_into_reads_makes_no_difference(data: bytes, cuts: list[int], size: int) -> None:
    data = data.replace(b"q", b"\n").replace(b"\x00", b"\n")
    blocks, rest = [], data
    for cut in cuts:
        blocks.append(rest[:cut])
        rest = rest[cut:]
    pieces = [block for block in (*blocks, rest) if block]
    whole = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip(b" \t\r")]
    found = lines_of(*pieces, chunk_size=size)
    assert [value for _, value in found] == whole
    numbered = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert all(numbered[offset] == value for offset, value in found)


def test_chunks_are_full_where_a_read_has_enough_and_never_over() -> None:
    chunks = list(LineSource(reads(b"1\n2\n3\n4\n5\n", b"6\n"), 2))
    assert [len(chunk.records) for chunk in chunks] == [2, 2, 1, 1]


def test_a_line_is_given_before_the_next_one_is_waited_for() -> None:
    asked: list[int] = []

    def read(size: int) -> bytes:
        asked.append(size)
        return b"first\n" if len(asked) == 1 else b""

    chunks = iter(LineSource(read, 512))
    assert [record.value for record in next(chunks).records] == [b"first"]
    assert len(asked) == 1


def test_blank_lines_are_counted() -> None:
    source = LineSource(reads(b"\n a\n\n\n"), 5)
    assert [r.offset for chunk in source for r in chunk.records] == [1]
    assert (source.lines, source.blank) == (4, 3)


def test_an_endless_line_takes_bounded_memory_and_hides_no_later_line() -> None:
    block = b"x" * 1_000_000
    tracemalloc.start()
    found = [(o, len(v or b"")) for o, v in lines_of(*[block] * 100, b"\nafter\n")]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(0, MAX_KEPT), (1, len(b"after"))]
    assert peak < 4 * MAX_KEPT


class Memory:
    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes, /) -> None:
        self.writes.append(data)


def test_results_are_written_in_order_with_one_write_each() -> None:
    broken = DeadLetter(Record(b"\xff\r", 6), Rejection("not_utf8", "byte 0"))
    judged = Judged([Outgoing(b"p", b"{1}", None), broken, Outgoing(b"p", b"{2}", b"flagged")])
    verdicts, letters = Memory(), Memory()
    write_judged(judged, verdicts, letters)
    assert verdicts.writes == [b"{1}\n{2}\n"]
    (written,) = letters.writes
    letter = DeadLetterLine.model_validate_json(written)
    assert (letter.line, letter.cause, letter.detail) == (7, "not_utf8", "byte 0")
    assert base64.b64decode(letter.raw_base64) == b"\xff\r"
    assert set(json.loads(written)) == {"line", "cause", "detail", "raw_base64"}
    write_judged(judged, Discard(), Discard())


def test_nothing_is_no_write() -> None:
    verdicts = Memory()
    write_judged(Judged([]), verdicts, verdicts)
    assert verdicts.writes == []


def test_a_descriptor_writes_whole_even_to_a_narrow_pipe(tmp_path: Path) -> None:
    target = tmp_path / "out"
    number = os.open(target, os.O_WRONLY | os.O_CREAT)
    Descriptor(number, "out").write(b"x" * 300_000)
    os.close(number)
    assert target.stat().st_size == 300_000


def test_a_full_disk_is_a_file_error() -> None:
    number = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(FileError, match="cannot write out: No space left"):
        Descriptor(number, "out").write(b"x")
    os.close(number)


def test_a_reader_that_left_is_told_apart() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        Descriptor(writing, "out").write(b"x")
    os.close(writing)
