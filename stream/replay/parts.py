"""Part files: the results of a stretch.  They are the checkpoint, and the only input of a report.

=======================  ==================================================================
``000012.flips.arrow``    events on whose action the sides differ, a row each
``000012.players.arrow``  players acted upon by either side, with the worst action of each
``000012.rows.parquet``   every event, where asked for: in the report as it is here
``000012.json``           the counts; written last, so its presence says that the part is whole
=======================  ==================================================================
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from model.policy_columns import GRID
from schemas.verdict import ACTIONS
from stream.errors import FileError
from stream.replay.answer.counts import Counts, read_counts, write_counts
from stream.replay.damage import damaged
from stream.replay.history.columns import Codes
from stream.replay.history.events import Detail, Events
from stream.replay.judging.opinions import RESOLVERS, Opinions

COMPRESSION: Final = "zstd"
FLIPS_PART: Final = "flips.arrow"
PLAYERS_PART: Final = "players.arrow"
ROWS_PART: Final = "rows.parquet"
"""Suffixes of a part's files.  Writing Arrow's own format costs an eighth of Parquet."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A stretch with both sides' decisions."""

    events: Events
    baseline: Opinions
    candidate: Opinions

    @property
    def both(self) -> NDArray[np.bool_]:
        """Which events both sides have decided."""
        return (self.baseline.actions >= 0) & (self.candidate.actions >= 0)


@dataclass(frozen=True, slots=True)
class Parts:
    """The part files of one run, or of one shard, in a folder."""

    folder: Path

    def has(self, number: int) -> bool:
        """Whether a part is complete."""
        return self.path(number, "json").exists()

    def path(self, number: int, suffix: str) -> Path:
        """Return the path of one file of a part."""
        return self.folder / f"{number:06d}.{suffix}"

    def keep(self, number: int, compared: Comparison, counts: Counts, columns: "Kept") -> None:
        """Write a part; each file is written atomically.

        Raises:
            FileError: the disk is full or another I/O error.
        """
        acted = compared.both & ((compared.baseline.actions > 0) | (compared.candidate.actions > 0))
        everything = np.arange(len(compared.events), dtype=np.int64)
        chosen = Chosen.of(compared, everything if columns.rows else np.flatnonzero(acted))
        try:
            flipped = compared.baseline.actions[chosen.places] != compared.candidate.actions[chosen.places]
            flips = chosen.where(flipped & acted[chosen.places])
            self._write(number, FLIPS_PART, rows_table(compared, flips, columns.text))
            self._write(number, PLAYERS_PART, players_table(compared, chosen.where(acted[chosen.places])))
            if columns.rows:
                self._write(number, ROWS_PART, rows_table(compared, chosen, columns.text))
            self._replace(number, "json", write_counts(counts))
        except OSError as exc:
            raise FileError(f"cannot write part {number} in {self.folder}: {exc.strerror}") from exc

    def counts(self, number: int) -> Counts:
        """Read a part's counts.

        Raises:
            FileError: the part is not there, or damaged.
        """
        path = self.path(number, "json")
        try:
            return read_counts(path.read_bytes())
        except OSError as exc:
            raise FileError(f"part {number} is missing in {self.folder}: {exc.strerror}") from exc
        except msgspec.MsgspecError as exc:
            raise damaged(path) from exc

    def _write(self, number: int, suffix: str, table: Any) -> None:
        unfinished = self.path(number, f"{suffix}.unfinished")
        write_table(unfinished, table, suffix)
        unfinished.replace(self.path(number, suffix))

    def _replace(self, number: int, suffix: str, data: bytes) -> None:
        unfinished = self.path(number, f"{suffix}.unfinished")
        unfinished.write_bytes(data)
        unfinished.replace(self.path(number, suffix))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored besides counts: the texts of flips, and a row for every event."""

    text: bool = True
    rows: bool = False


class Chosen(NamedTuple):
    """Some events of a stretch: their places, in order, and their details, which are read once."""

    places: Codes
    details: list[Detail]

    @classmethod
    def of(cls, compared: Comparison, places: Codes) -> Self:
        """Read the details of events."""
        return cls(places, compared.events.details(places.tolist()))

    def where(self, wanted: NDArray[np.bool_]) -> "Chosen":
        """Return the selected ones, one entry per place."""
        return Chosen(self.places[wanted], list(compress(self.details, wanted.tolist())))


def rows_table(compared: Comparison, rows: Chosen, with_text: bool) -> Any:  # noqa: FBT001 - a column more or less
    """Return an Arrow table of the chosen events, in order."""
    import pyarrow as pa

    events, baseline, candidate = compared.events, compared.baseline, compared.candidate
    chosen, details = rows
    places = chosen.tolist()
    around, where = events.circumstances, events.where[chosen]
    columns: dict[str, Any] = {
        "topic": pa.repeat(pa.scalar(events.topic, pa.string()), len(chosen)),
        "partition": pa.array(events.partitions[chosen], pa.int32()),
        "offset": pa.array(events.positions[chosen], pa.int64()),
        "event_id": pa.array([each.event_id for each in details], pa.string()),
        "player_id": pa.array([each.player_id for each in details], pa.string()),
        "game_id": _named([each.game for each in around], where),
        "channel_kind": _named([each.channel_kind for each in around], where),
        "lang": _named([each.lang or None for each in around], where),
        "baseline_action": _named(ACTIONS, baseline.actions[chosen]),
        "baseline_category": _named(baseline.names, baseline.categories[chosen]),
        "candidate_action": _named(ACTIONS, candidate.actions[chosen]),
        "candidate_category": _named(candidate.names, candidate.categories[chosen]),
        "resolved_by": _named(RESOLVERS, candidate.resolved_by[chosen]),
        "label": pa.array([events.labels[place] if events.labels else None for place in places], pa.string()),
        "scores": _score_maps(candidate, chosen),
        "text": pa.array([each.text if with_text else None for each in details], pa.string()),
    }
    return pa.table(columns)


def _named(names: Sequence[str | None], codes: Codes) -> Any:
    """Return the names of codes; none for -1."""
    import pyarrow as pa

    return pa.array([*names, None], pa.string()).take(pa.array(np.where(codes < 0, len(names), codes)))


def _score_maps(side: Opinions, chosen: Codes) -> Any:
    """Return scores by category; empty where there are none."""
    import pyarrow as pa

    rows = side.rows[chosen]
    width = len(side.score_names)
    lengths = np.where(rows >= 0, width, 0)
    values = side.scores[rows[rows >= 0]].ravel() / GRID
    names = pa.array(side.score_names, pa.string()).take(pa.array(np.tile(np.arange(width), int((rows >= 0).sum()))))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return pa.MapArray.from_arrays(pa.array(starts, pa.int32()), names, pa.array(values, pa.float32()))


def players_table(compared: Comparison, acted: Chosen) -> Any:
    """Return the players of events acted upon, with the worst action (a place in ``ACTIONS``) of each side."""
    import pyarrow as pa

    chosen, details = acted
    table = pa.table(
        {
            "player_id": pa.array([each.player_id for each in details], pa.string()),
            "baseline": pa.array(compared.baseline.actions[chosen], pa.int8()),
            "candidate": pa.array(compared.candidate.actions[chosen], pa.int8()),
        }
    )
    return worst_by_player(table)


def worst_by_player(table: Any) -> Any:
    """Return one row per player with the worst action of each side, by player."""
    worst = table.group_by("player_id", use_threads=False).aggregate([("baseline", "max"), ("candidate", "max")])
    worst = worst.rename_columns({"baseline_max": "baseline", "candidate_max": "candidate"})
    return worst.select(["player_id", "baseline", "candidate"]).sort_by("player_id")


def write_table(path: Path, table: Any, suffix: str) -> None:
    """Write a table in the format that a suffix says.

    Raises:
        OSError: the disk is full or another I/O error.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if suffix == ROWS_PART:
        parquet.write_table(table, path, compression=COMPRESSION)
        return
    options = pa.ipc.IpcWriteOptions(compression=COMPRESSION)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema, options=options) as writer:
        writer.write_table(table)


def tables(paths: Sequence[Path]) -> Iterator[Any]:
    """Read files of flips or players one after the other.

    Raises:
        FileError: one is missing or damaged.
    """
    import pyarrow as pa

    for path in paths:
        try:
            with pa.OSFile(str(path), "rb") as file:
                yield pa.ipc.open_file(file).read_all()
        except OSError as exc:
            raise FileError(f"cannot read {path}: {exc}") from exc
        except pa.ArrowInvalid as exc:
            raise damaged(path) from exc
