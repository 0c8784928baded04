"""A plan: the stretches of a job, fixed once, so that resumed runs and shards all use the same."""

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final

import msgspec

from stream.errors import ConfigError, FileError
from stream.replay.archive.layout import is_stray, parse, root_of
from stream.replay.history.files import cut_files
from stream.replay.history.states import FileState, States, difference
from stream.replay.history.stretch import Stretch, cut
from stream.replay.history.tables import Span
from stream.replay.history.topic import TopicAddress, spans

FORMAT: Final = 4
"""Format version of plans, parts and tables of recorded verdicts."""
MARGIN_BEFORE_MS: Final = 3_600_000
"""Verdicts are searched from this long before the span: clocks of producers differ."""
MARGIN_AFTER_MS: Final = 86_400_000
"""… until this long after it: a worker may have lagged."""


class Plan(msgspec.Struct, frozen=True):
    """``asked`` is what the user asked for, ``about`` what a report says of it; ``verdicts`` are to be read first.

    ``files`` are the states of all files with stretches and verdicts, from before they were first read.
    """

    asked: dict[str, Any]
    about: dict[str, Any]
    stretches: list[Stretch]
    verdicts: list[Stretch]
    origin: "Origins | None" = None
    files: dict[str, FileState] = {}
    format: int = FORMAT


class Origins(msgspec.Struct, frozen=True):
    """The topic that all events came from and their offsets by partition; verdicts are looked up by them."""

    topic: str
    spans: dict[int, Span]


def origins_of_topic(address: TopicAddress, stretches: Sequence[Stretch]) -> Origins:
    """Return where the events of a topic's stretches came from."""
    return Origins(address.topic, spans_of(stretches))


def origins_of_files(paths: Sequence[str]) -> Origins | None:
    """Return where archived events came from; None where that is not known of all, or not one topic.

    Several archives may be of as many clusters, whose topics are called the same.
    """
    files = [file for file in map(parse, paths) if file is not None]
    if len(files) < len(paths) or len({file.topic for file in files}) != 1 or len(set(map(root_of, paths))) != 1:
        return None
    spans: dict[int, Span] = {}
    for file in files:
        before = spans.get(file.partition, Span(file.start, file.end))
        spans[file.partition] = Span(min(before.start, file.start), max(before.end, file.end))
    return Origins(files[0].topic, dict(sorted(spans.items())))


def check_apart(paths: Sequence[str]) -> None:
    """Refuse files of one archive that hold the same records, which would count twice, and files that it did not write.

    Two runs of ``archive`` at once leave the former, where one found a later end of the topic.

    Raises:
        ConfigError: names them.
    """
    if stray := next(filter(is_stray, paths), None):
        raise ConfigError(f"--input: {stray} is not named as `archive` names files, so it may be a copy; remove it")
    archived = [(path, file) for path in paths if (file := parse(path)) is not None]
    spans = [((root_of(path), file.topic, file.partition), file.start, file.end, path) for path, file in archived]
    for (log, _, end, path), (other_log, start, _, other) in pairwise(sorted(spans)):
        if log == other_log and start < end:
            raise ConfigError(f"--input: {path} and {other} hold the same records; remove the shorter of them")


def spans_of(stretches: Sequence[Stretch]) -> dict[int, Span]:
    """Return, by partition, the offsets that stretches lie in."""
    found: dict[int, Span] = {}
    for stretch in stretches:
        known = found.get(stretch.partition, Span(stretch.start, stretch.end))
        found[stretch.partition] = Span(min(known.start, stretch.start), max(known.end, stretch.end))
    return found


class TimeRange(msgspec.Struct, frozen=True):
    """Broker timestamps in ms; None is open."""

    start_ms: int | None = None
    end_ms: int | None = None

    def widened(self) -> "TimeRange":
        """Return the range in which the verdicts about its events are searched."""
        start = None if self.start_ms is None else max(0, self.start_ms - MARGIN_BEFORE_MS)
        end = None if self.end_ms is None else self.end_ms + MARGIN_AFTER_MS
        return TimeRange(start, end)


def cut_topic(address: TopicAddress, times: TimeRange, size: int) -> list[Stretch]:
    """Cut a time range of a topic into stretches, partition by partition.

    Raises:
        ConfigError: the topic does not exist.
        TransportError: Kafka is unavailable.
    """
    stretches: list[Stretch] = []
    for partition, span in spans(address, times.start_ms, times.end_ms).items():
        stretches += cut(address.topic, partition, span, size, len(stretches))
    return stretches


def cut_history(topic: TopicAddress | None, times: TimeRange, files: Sequence[str], size: int) -> list[Stretch]:
    """Cut the history into stretches; raises as ``cut_topic`` and ``cut_files``."""
    return cut_files(files, size) if topic is None else cut_topic(topic, times, size)


def shares(stretches: Sequence[Stretch], count: int) -> list[list[Stretch]]:
    """Split stretches into ``count`` contiguous runs of about equal weight; some may be empty."""
    total = sum(stretch.weight for stretch in stretches)
    found: list[list[Stretch]] = [[] for _ in range(count)]
    before = 0
    for stretch in stretches:
        middle = before + stretch.weight / 2
        found[min(count - 1, int(middle * count / max(1, total)))].append(stretch)
        before += stretch.weight
    return found


def by_partition(stretches: Sequence[Stretch], count: int) -> list[list[Stretch]]:
    """Split stretches into ``count`` lists; a partition stays in one, in order, so that later records come later."""
    found: list[list[Stretch]] = [[] for _ in range(count)]
    for stretch in stretches:
        found[stretch.partition % count].append(stretch)
    return found


def in_lanes(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Return files' stretches, giving those that may concern the same event one partition, and so one process.

    An archive has a file per partition and day; for plain files this is unknown, so all of them count as one partition.
    """
    archived = {stretch.source: parse(stretch.source) for stretch in stretches}
    lanes = {source: 0 if file is None else file.partition for source, file in archived.items()}
    return [stretch._replace(partition=lanes[stretch.source]) for stretch in stretches]


def save_plan(path: Path, plan: Plan) -> bool:
    """Write a plan unless another shard has written one; return whether it was written.

    Equal plans give equal bytes.

    Raises:
        FileError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = msgspec.to_builtins(plan, str_keys=True)
        with NamedTemporaryFile(dir=path.parent, suffix=".unfinished", delete=False) as unfinished:
            unfinished.write(msgspec.json.format(msgspec.json.encode(plain, order="sorted")))
        return _put(Path(unfinished.name), path)
    except OSError as exc:
        raise FileError(f"cannot write {path}: {exc.strerror}") from exc


def _put(unfinished: Path, path: Path) -> bool:
    """Put a file in its place atomically, unless one exists."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: the last writer wins
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return True


def load_plan(path: Path) -> Plan | None:
    """Read a plan; None if there is none.

    Raises:
        FileError: it cannot be read.
        ConfigError: it is another version's.
    """
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise FileError(f"cannot read {path}: {exc.strerror}") from exc
    except msgspec.MsgspecError as exc:
        raise ConfigError(f"{path} is not a plan of this version ({exc}); choose another --report folder") from exc
    if plan.format != FORMAT:
        raise ConfigError(f"{path} is a plan of another version; choose another --report folder")
    return plan


def agree(plan: Plan, asked: dict[str, Any], where: Path) -> None:
    """Refuse to continue a plan that was made for another request.

    Raises:
        ConfigError: names what differs.
    """
    differing = _differing(plan.asked, asked)
    if "contents" in differing:
        named = _differing(plan.asked.get("contents", {}), asked.get("contents", {}))
        differing[differing.index("contents")] = f"contents of {' and '.join(named)}"
    if differing:
        raise ConfigError(
            f"{where} holds a run with different {', '.join(differing)}; resume with the same, or choose another folder"
        )


def agree_on_files(plan: Plan, files: States, where: Path) -> None:
    """Refuse to continue a plan of files that have changed since; files added since are no part of it.

    Raises:
        ConfigError: names the first one, and what has changed.
    """
    if changed := difference(plan.files, files):
        raise ConfigError(
            f"since the run in {where} began, a file has changed: {changed}; put it back as it was, with its time, or "
            "start over in another --report folder"
        )


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
