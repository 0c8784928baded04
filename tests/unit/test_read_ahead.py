"""What is read ahead: full at a limit, and full until half of it is gone."""

from stream.read_ahead import ReadAhead
from stream.records import Record


def a_record(offset: int, value: bytes = b"x", partition: int = 0) -> Record:
    return Record(value, offset, "chat.events", partition)


def filled(count: int, most: int = 4) -> ReadAhead:
    buffer = ReadAhead(most, 1_000)
    for offset in range(count):
        buffer.append(a_record(offset))
    return buffer


def test_it_is_full_at_its_limit_and_stays_so_until_half_is_gone() -> None:
    assert not filled(3).full()
    buffer = filled(4)
    assert buffer.full()
    buffer.take(1)
    assert buffer.full()
    buffer.take(1)
    assert not buffer.full()
    buffer.append(a_record(9))
    assert not buffer.full()


def test_a_few_large_records_fill_it_too() -> None:
    buffer = ReadAhead(100, 10)
    buffer.append(a_record(0, b"12345"))
    assert not buffer.full()
    buffer.append(a_record(1, b"67890"))
    assert buffer.full()
    buffer.take(1)
    assert not buffer.full()


def test_it_gives_the_oldest_first_and_forgets_what_is_not_wanted() -> None:
    buffer = filled(3)
    buffer.append(a_record(7, partition=1))
    buffer.keep(lambda record: record.partition == 0)
    assert [record.offset for record in buffer.take(2)] == [0, 1]
    assert len(buffer) == 1
    buffer.clear()
    assert buffer.take(5) == []
