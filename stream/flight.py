"""A chunk between reading and committing, and what remains of it when partitions are lost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from schemas.codec import decided
from stream.records import Chunk, Judged, Outgoing, Partition, Record


@dataclass(slots=True)
class Flight:
    """A chunk between reading and committing."""

    chunk: Chunk
    judging: "Future[Judged]"
    taken_at: float
    gone: set[Partition] = field(default_factory=set)

    def drop(self, gone: frozenset[Partition]) -> None:
        """Drop partitions that were lost; their new owner judges them."""
        self.gone |= gone & self.chunk.ends.keys()

    def ends(self) -> Mapping[Partition, int]:
        """Return the offsets to commit."""
        return {partition: end for partition, end in self.chunk.ends.items() if partition not in self.gone}

    @property
    def void(self) -> bool:
        """Whether none of its partitions is ours any more."""
        return len(self.gone) == len(self.chunk.ends)

    def kept(self, judged: Judged) -> tuple[Judged, Sequence[Record]]:
        """Return what is still ours to write, recounted, and its records."""
        if not self.gone:
            return judged, self.chunk.records
        numbers = {partition.number for partition in self.gone}
        pairs = zip(judged.results, self.chunk.records, strict=True)
        kept = [(result, record) for result, record in pairs if record.partition not in numbers]
        results = [result for result, _ in kept]
        tally = Counter(decided(result.verdict) for result in results if isinstance(result, Outgoing))
        return Judged(results, tally), [record for _, record in kept]
