"""A broker in memory, with the worker's two seams on it, and accidents as values in the input."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from stream.errors import Fenced, OutcomeUnknown, TransactionAborted
from stream.records import Chunk, DeadLetter, Outgoing, Partition, Record
from stream.seams import Taken
from tests.support.clocks import ManualClock

Results = Sequence[Outgoing | DeadLetter]


class Accident(Enum):
    """What happens when the source reaches this place in the input, once."""

    CRASH = "the process dies"
    REVOKE = "the partition goes away and comes back"
    PAUSE = "the process stands still for so long that the group goes on without it"


class Trouble(Enum):
    """What happens to a transaction."""

    NONE = "it commits"
    ABORT = "it is aborted"
    DONE_UNKNOWN = "it commits, and the answer is lost"
    UNDONE_UNKNOWN = "it does not commit, and the answer is lost"
    CRASH_BEFORE = "the process dies before it commits"
    CRASH_AFTER = "the process dies after it has committed"


class Crashed(Exception):
    """The process died."""


class Transaction(NamedTuple):
    """What was committed together."""

    results: Results
    ends: Mapping[Partition, int]


class FakeBroker:
    """Input partitions, committed offsets, and committed transactions in order."""

    def __init__(self, topic: str, inputs: Sequence[Sequence[bytes | Accident | None]]) -> None:
        self.inputs: dict[Partition, list[Record]] = {}
        self.accidents: dict[tuple[Partition, int], list[Accident]] = {}
        for number, items in enumerate(inputs):
            partition = Partition(topic, number)
            records = self.inputs[partition] = []
            for item in items:
                if isinstance(item, Accident):
                    self.accidents.setdefault((partition, len(records)), []).append(item)
                else:
                    records.append(Record(item, len(records), topic, number))
        self.committed: dict[Partition, int] = dict.fromkeys(self.inputs, 0)
        self.transactions: list[Transaction] = []
        self.generation = 0
        self.epoch = 0

    @property
    def finished(self) -> bool:
        """Whether every record is committed and nothing is to happen any more."""
        done = all(self.committed[partition] == len(records) for partition, records in self.inputs.items())
        return done and not self.accidents

    def accident(self, partition: Partition, offset: int) -> Accident | None:
        """Return what happens here now, and let it not happen again."""
        waiting = self.accidents.get((partition, offset))
        if not waiting:
            return None
        accident = waiting.pop(0)
        if not waiting:
            del self.accidents[partition, offset]
        return accident

    def commit(self, results: Results, ends: Mapping[Partition, int]) -> None:
        """Write a transaction."""
        self.transactions.append(Transaction(results, dict(ends)))
        self.committed |= ends


class FakeSource:
    """Reads everything of a ``FakeBroker``, ``ahead`` records further than it gives out."""

    def __init__(self, broker: FakeBroker, clock: ManualClock, idle: Callable[[], None], ahead: int = 3) -> None:
        self._broker = broker
        self._clock = clock
        self._idle = idle
        self._ahead = ahead
        self._positions: dict[Partition, int] = {}
        self._buffer: list[Record] = []
        self._gone: set[Partition] = set()
        self._generation = -1
        self.closed = False

    def join(self) -> None:
        self._rejoin()

    def take(self, limit: int, wait_s: float) -> Taken:
        self._notice()
        self._read(limit + self._ahead)
        records, self._buffer = self._buffer[:limit], self._buffer[limit:]
        if not records:
            self._clock.advance(wait_s)
            self._idle()
        gone, self._gone = frozenset(self._gone), set()
        return Taken(Chunk(records, self.ends(records)), gone)

    def ends(self, records: list[Record]) -> dict[Partition, int]:
        """Return what to commit once these records are written."""
        return {Partition(record.topic or "", record.partition): record.offset + 1 for record in records}

    def stay(self, wait_s: float) -> frozenset[Partition]:
        self._clock.advance(wait_s)
        self._notice()
        self._read(self._ahead)
        gone, self._gone = frozenset(self._gone), set()
        return gone

    def rewind(self) -> None:
        self._buffer.clear()
        self._positions = dict(self._broker.committed)

    def group(self) -> object:
        return self._generation

    def report(self) -> None:
        return

    def close(self) -> None:
        self.closed = True

    def _rejoin(self) -> None:
        self._broker.generation += 1
        self._generation = self._broker.generation
        self._positions = dict(self._broker.committed)
        self._buffer.clear()

    def _notice(self) -> None:
        """Learn that the group went on without us; join again."""
        if self._generation not in (-1, self._broker.generation):
            self._gone |= self._positions.keys()
            self._rejoin()

    def _read(self, room: int) -> None:
        for partition in list(self._positions):
            while len(self._buffer) < room and self._positions[partition] < len(self._broker.inputs[partition]) + 1:
                offset = self._positions[partition]
                accident = self._broker.accident(partition, offset)
                if accident is not None:
                    self._meet(accident, partition)
                    return
                if offset == len(self._broker.inputs[partition]):
                    break
                self._buffer.append(self._broker.inputs[partition][offset])
                self._positions[partition] = offset + 1

    def _meet(self, accident: Accident, partition: Partition) -> None:
        if accident is Accident.CRASH:
            raise Crashed
        if accident is Accident.PAUSE:
            self._broker.generation += 1  # found out at the next call, or by a commit that is refused
            return
        self._gone.add(partition)
        self._buffer = [record for record in self._buffer if record.partition != partition.number]
        self._positions[partition] = self._broker.committed[partition]
        self._broker.generation += 1
        self._generation = self._broker.generation


class FakeSink:
    """Writes to a ``FakeBroker``; each transaction meets the next trouble, none when they run out."""

    def __init__(self, broker: FakeBroker, troubles: Iterable[Trouble] = ()) -> None:
        self._broker = broker
        self._troubles: Iterator[Trouble] = iter(troubles)
        self._epoch = -1
        self._usable = False
        self.closed = False

    def renew(self) -> None:
        self._broker.epoch += 1
        self._epoch = self._broker.epoch
        self._usable = True

    def commit(self, results: Results, ends: Mapping[Partition, int], group: object, within_s: float) -> None:
        if self._epoch != self._broker.epoch:
            raise Fenced("somebody else has the id")
        if not self._usable:
            raise AssertionError("used after an unknown outcome")
        if group != self._broker.generation:
            raise TransactionAborted("the group went on without us", "illegal_generation")
        trouble = next(self._troubles, Trouble.NONE)
        if trouble is Trouble.ABORT:
            raise TransactionAborted("on purpose", "on_purpose")
        if trouble is Trouble.CRASH_BEFORE:
            raise Crashed
        if trouble is not Trouble.UNDONE_UNKNOWN:
            self._broker.commit(results, ends)
        if trouble in (Trouble.DONE_UNKNOWN, Trouble.UNDONE_UNKNOWN):
            self._usable = False
            raise OutcomeUnknown("on purpose")
        if trouble is Trouble.CRASH_AFTER:
            raise Crashed

    def close(self) -> None:
        self.closed = True
