"""The worker's two seams: where records come from and where results go.

The Kafka ones are in ``stream.source`` and ``stream.sink``; the tests have others.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from stream.records import Chunk, DeadLetter, Outgoing, Partition


class Taken(NamedTuple):
    """What a call brought: records in input order, and the partitions that went away meanwhile.

    A partition may be in both, when it went and came back: what is in flight of it is void, what is here is not.
    """

    chunk: Chunk
    gone: frozenset[Partition] = frozenset()


class Source(Protocol):
    """Where records come from.  One thread owns it; partitions come and go inside ``take``, ``stay`` and ``close``."""

    def join(self) -> None:
        """Take part.  Must come first, and after ``Sink.renew``: offsets that a dead worker left open hold it up.

        Raises:
            ConfigError: there is nothing to read.
            TransportError: not now; try again.
        """
        ...

    def take(self, limit: int, wait_s: float) -> Taken:
        """Return at most ``limit`` records; block up to ``wait_s`` seconds, for the first one only.

        Raises:
            DataLost: a record was deleted before it was read.
            TransportError: the source is broken for good.
        """
        ...

    def stay(self, wait_s: float) -> frozenset[Partition]:
        """Stay a member while there is other work, reading ahead up to a limit; block up to ``wait_s`` seconds.

        Returns the partitions that went away.  Raises as ``take``.
        """
        ...

    def rewind(self) -> None:
        """Go back to the committed offset of every partition.

        Raises:
            TransportError: the offsets cannot be had now; try again.
        """
        ...

    def group(self) -> object:
        """Return the group membership as it is now, for one transaction."""
        ...

    def report(self) -> None:
        """Measure how far behind we are; blocks a second at most."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Sink(Protocol):
    """Where results go.  One thread owns it."""

    def renew(self) -> None:
        """Start afresh under the same identity, fencing whatever is still under way.  Must come first.

        Raises:
            TransportError: not now; try again.
        """
        ...

    def commit(
        self, results: Sequence[Outgoing | DeadLetter], ends: Mapping[Partition, int], group: object, within_s: float
    ) -> None:
        """Write results and input offsets together, or neither; block up to about ``within_s`` seconds.

        Raises:
            TransactionAborted: nothing of it happened; the same may be committed again.
            OutcomeUnknown: it may have happened; ``renew``, then go on from the committed offsets.
            Fenced: another worker uses our identity.
            ConfigError: an output cannot hold what must be written.
        """
        ...

    def close(self) -> None:
        """Let go; what is not committed never happened."""
        ...
