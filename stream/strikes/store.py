"""State on disk: a RocksDB for each partition of a table, and the changelog offset up to which it is complete."""

import gc
import itertools
import json
import shutil
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, cast

import rocksdict
from faust.stores import rocksdb
from faust.types import TP

from stream.strikes.logs import FAUST_LOG
from stream.strikes.tally import Change, newer

_PLACE: Final = b"\xffplace"
"""Key of the place among the values; not UTF-8, so no player or channel has it."""


class Place(NamedTuple):
    """The changelog offset up to which a partition on disk is complete, and since when (seconds since the epoch)."""

    offset: int
    at: float


class KeptStore(rocksdb.Store):
    """Values of one table on disk, a RocksDB for each partition."""

    logger = FAUST_LOG

    def load(self, partition: int, key: bytes) -> bytes | None:
        """Return a value."""
        return cast("bytes | None", self._db_for_partition(partition).get(key))

    def save(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Keep a value; None removes it."""
        db = self._db_for_partition(partition)
        if value is None:
            db.delete(key)
        else:
            db.put(key, value)

    def kept(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Return all stored values."""
        return ((key, value) for key, value in self._db_for_partition(partition).items() if key != _PLACE)

    def page(self, partition: int, begin: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Return the first ``limit`` keys at or after ``begin``, with their values; reads the disk."""
        items = self._db_for_partition(partition).items(from_key=begin)
        return list(itertools.islice(((key, value) for key, value in items if key != _PLACE), limit))

    def place(self, partition: int) -> Place | None:
        """Return the offset up to which the disk is complete; None if unknown."""
        found = self._db_for_partition(partition).get(_PLACE)
        return None if found is None else Place(*json.loads(found))

    def absorb(self, partition: int, changes: Iterable[Change], place: Place) -> None:
        """Apply changes in order and move the checkpoint past them, in one write.

        Raises:
            ValueError: a value was not written by this worker.
        """
        db = self._db_for_partition(partition)
        current: dict[bytes, bytes | None] = {}
        batch = rocksdict.WriteBatch(raw_mode=True)
        for change in changes:
            key, value = change.key, change.value
            if not newer(current[key] if key in current else db.get(key), change):
                continue
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
            current[key] = value
        batch.put(_PLACE, json.dumps(place).encode())
        db.write(batch)

    def wipe(self, partition: int) -> None:
        """Delete a partition's state on disk."""
        db = self._dbs.pop(partition, None)
        if db is not None:
            db.close()
        shutil.rmtree(self.partition_path(partition), ignore_errors=True)

    def revoke_partitions(self, table: Any, tps: set[TP]) -> None:
        """Close revoked partitions, so that another process may open them."""
        for tp in tps:
            db = self._dbs.pop(tp.partition, None) if tp.topic in table.changelog_topic.topics else None
            if db is not None:
                db.close()
        gc.collect()

    async def stop(self) -> None:
        """Close everything."""
        for db in self._dbs.values():
            db.close()
        self._dbs.clear()

    def persisted_offset(self, tp: TP) -> int | None:
        """Return None: Faust's own recovery has nothing to restore."""
        return None

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Ignore Faust's own checkpoint."""
