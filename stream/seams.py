"""The worker's two seams: where records come from and where results go.

``stream.source`` and ``stream.sink`` implement them for Kafka; tests use others.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from stream.records import Chunk, DeadLetter, Outgoing, Partition


class Taken(NamedTuple):
    """What a call returned: records in input order, and the partitions lost meanwhile.

    A partition that was lost and came back is in both: its work in flight is void, its records here are valid.
    """

    chunk: Chunk
    gone: frozenset[Partition] = frozenset()


class Source(Protocol):
    """Where records come from.  One thread owns it; partitions come and go inside ``take``, ``stay`` and ``close``."""

    def join(self) -> None:
        """Join the group.  Must come first, but after ``Sink.renew``: a dead worker's open transaction blocks it.

        Raises:
            ConfigError: there is nothing to read.
            TransportError: not possible now; try again.
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

        Returns the partitions that were lost.  Raises as ``take``.
        """
        ...

    def rewind(self) -> None:
        """Go back to the committed offset of every partition.

        Raises:
            TransportError: the offsets are not available now; try again.
        """
        ...

    def group(self) -> object:
        """Return the current group membership, for one transaction."""
        ...

    def report(self) -> None:
        """Report lag; also probes partitions that have been idle for long.  Blocks for a second at most."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


class Sink(Protocol):
    """Where results go.  One thread owns it."""

    def renew(self) -> None:
        """Start over under the same identity, fencing whatever is still in flight.  Must come first.

        Raises:
            TransportError: not now; try again.
        """
        ...

    def commit(
        self, results: Sequence[Outgoing | DeadLetter], ends: Mapping[Partition, int], group: object, within_s: float
    ) -> None:
        """Write results and input offsets together, or neither; block up to about ``within_s`` seconds.

        Raises:
            TransactionAborted: nothing was written; the same results may be committed again.
            OutcomeUnknown: it may have been written; ``renew``, then continue from the committed offsets.
            Fenced: another worker uses our identity.
            ConfigError: an output cannot hold what must be written.
        """
        ...

    def close(self) -> None:
        """Release everything; what is not committed is discarded."""
        ...
