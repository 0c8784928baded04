"""Recorded verdicts as columns, and the tables that lead to them."""

import json
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from model.policy_columns import GRID
from stream.errors import ConfigError
from stream.replay.history.events import Detail, Events, Labelling
from stream.replay.history.gathering import RecordedColumns
from stream.replay.history.known_events import read_known_events
from stream.replay.history.recorded import Said, VerdictReader
from stream.replay.history.store import RecordedStore
from stream.replay.history.stretch import RawBatch
from stream.replay.history.tables import ByEventId, ByOrigin, Span
from tests.support.chatlog import lines


def a_verdict(
    event_id: str,
    *,
    offset: int | None = None,
    topic: str = "t",
    partition: int = 0,
    score: float = 0.5,
    **changes: object,
) -> bytes:
    document = {
        "event_id": event_id,
        "player_id": "p",
        "game_id": "g",
        "action": "flag",
        "category": "insult",
        "severity": 2,
        "resolved_by": "classifier",
        "scorer": "a" * 32,
        "policy": "b" * 32,
        "scores": {"non_toxic": 1 - score, "insult": score},
        "matches": [],
        "origin": None if offset is None else {"topic": topic, "partition": partition, "offset": offset},
    }
    return json.dumps(document | changes).encode()


def batch(values: list[bytes | None], start: int = 0) -> RawBatch:
    return RawBatch("t", 0, np.arange(start, start + len(values), dtype=np.int64), values)


def some_events(ids: list[str]) -> Events:
    positions = np.arange(len(ids), dtype=np.int64)
    zeros = np.zeros(len(ids), np.int64)
    return Events(
        "t", zeros, positions, zeros, [], lambda chosen: [Detail(ids[i], "p", None) for i in chosen], [], [], Counter()
    )


def test_verdicts_become_columns_and_what_is_none_is_left_out() -> None:
    columns = RecordedColumns()
    columns.add(
        VerdictReader(Said)([a_verdict("a", score=0.25), b"{}", b"", a_verdict("b", score=0.25), a_verdict("c")])
    )
    columns.add(VerdictReader(Said)([a_verdict("d", scores={})]))
    recorded = columns.columns()
    assert recorded.fact.tolist() == [0, 0, 0, 0]
    assert recorded.score.tolist() == [0, 0, 1, 2]
    assert recorded.names == ("non_toxic", "insult")
    assert (recorded.scores[:2] == [[750, 250], [500, 500]]).all()
    assert recorded.scored.tolist() == [True, True, False]


def test_scores_of_different_taxonomies_share_a_matrix() -> None:
    columns = RecordedColumns()
    columns.add(VerdictReader(Said)([a_verdict("a"), a_verdict("b", scores={"insult": 0.1, "spam": 0.9})]))
    recorded = columns.columns()
    assert recorded.names == ("non_toxic", "insult", "spam")
    assert recorded.scores.tolist() == [[500, 500, 0], [0, GRID // 10, 900]]


def test_names_that_no_field_may_have_and_a_blank_object_are_scores_too() -> None:
    columns = RecordedColumns()
    columns.add(VerdictReader(Said)([a_verdict("a", scores={'a"b': 0.5}), a_verdict("b", scores={"insult": 0.2})]))
    blank = a_verdict("c", scores={}).replace(b'"scores":{}', b'"scores":{ }')
    columns.add(VerdictReader(Said)([blank]))
    recorded = columns.columns()
    assert recorded.names == ('a"b', "insult")
    assert recorded.scores[recorded.score].tolist() == [[500, 0], [0, 200], [0, 0]]
    assert recorded.scored[recorded.score].tolist() == [True, True, False]


@pytest.mark.parametrize("where", [b'{"x":%b,', b'{"scores":{"insult":%b},'])
def test_what_is_nested_too_deep_is_no_verdict(where: bytes) -> None:
    usual = a_verdict("a")
    deep = where % (b"[" * 5_000 + b"]" * 5_000) + usual[1:]
    assert VerdictReader(Said)([usual, deep, usual]) == VerdictReader(Said)([usual, usual])


def test_broken_verdicts_side_by_side_are_not_read_as_whole_ones() -> None:
    opened, closed = a_verdict("a")[:-1] + b',"x":[{}', b"{}]}"
    broken = [opened, closed + b"," + a_verdict("b") + b"," + opened, closed]
    assert len(json.loads(b"[%b]" % b",".join(broken))) == len(broken)
    assert VerdictReader(Said)(broken) == []


def test_verdicts_are_found_by_origin_and_the_last_one_wins(tmp_path: Path) -> None:
    store = RecordedStore(tmp_path, ByOrigin(tmp_path, "t", {0: Span(0, 4)}))
    store.table.prepare()
    assert (
        store.keep(0, [batch([a_verdict("a", offset=0), a_verdict("x", offset=1, topic="other"), a_verdict("y")])]) == 3
    )
    late = a_verdict("a2", offset=2, action="block", score=0.9)
    store.keep(1, [batch([a_verdict("a", offset=2), late, a_verdict("z", offset=99)])])
    store.keep(1, [batch([a_verdict("a", offset=2), late, a_verdict("z", offset=99)])])  # once more changes nothing
    found = store.find(some_events(["a", "b", "c", "d"]))
    assert [found.facts[i].action if i >= 0 else None for i in found.fact.tolist()] == ["flag", None, "block", None]
    assert found.scores[found.score[2]].tolist() == [100, 900]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0, 1)])
def test_the_same_verdict_stays_in_whichever_order_processes_keep_stretches(tmp_path: Path, order: list[int]) -> None:
    """The same event judged again, and its player's verdicts in another partition by then."""
    said = {
        0: [a_verdict("a", offset=0, action="block", score=0.9), a_verdict("b", offset=1)],
        1: [a_verdict("b", offset=1, action="block", score=0.9), a_verdict("c", offset=2)],
        2: [a_verdict("c", offset=2, action="block", score=0.9), a_verdict("c", offset=2), a_verdict("d", offset=3)],
    }
    for number in order:
        store = RecordedStore(tmp_path, ByOrigin(tmp_path, "t", {0: Span(0, 4)}))
        store.table.prepare()
        store.keep(number, [batch([verdict]) for verdict in said[number]])
    found = store.find(some_events(["a", "b", "c", "d"]))
    assert [found.facts[i].action for i in found.fact.tolist()] == ["block", "block", "flag", "flag"]


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("system", ["linux", "macos"])
def test_a_table_has_its_room_before_it_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """To write into a map where the disk is full ends the process with a signal."""
    if system == "macos":
        monkeypatch.delattr("os.posix_fallocate")
    table = ByOrigin(tmp_path, "t", {0: Span(0, 1_000_000)})
    with at_most(7_999_999), pytest.raises(OSError, match="too large"):
        table.prepare()
    table.prepare()
    path = tmp_path / "origins.table"
    assert path.stat().st_blocks * 512 >= path.stat().st_size == 8_000_000
    assert not table.look_up(0, np.arange(0, 1_000_000, 999)).any()


def test_verdicts_are_found_by_partition_within_their_spans(tmp_path: Path) -> None:
    spans = {5: Span(10, 12), 0: Span(3, 4), 2: Span(7, 7)}
    table = ByOrigin(tmp_path, "t", spans)
    store = RecordedStore(tmp_path, table)
    table.prepare()
    places = [(0, 2), (0, 3), (0, 4), (1, 3), (2, 7), (5, 9), (5, 10), (5, 11), (5, 12), (6, 10), (-1, 10), (2**62, 3)]
    places += [(2**70, 3), (0, 10**20), (0, -(10**20))]
    verdicts: list[bytes | None] = [
        a_verdict("a", partition=partition, offset=offset, score=number / 100)
        for number, (partition, offset) in enumerate(places)
    ]
    assert store.keep(0, [batch(verdicts)]) == len(verdicts)
    entries = np.concatenate([table.look_up(5, np.array([11, 10])), table.look_up(0, np.array([3]))])
    found = store.gather(entries)
    assert found.scores[found.score, 1].tolist() == [70, 60, 10]
    assert table.look_up(2, np.empty(0, np.int64)).tolist() == []


def test_equal_scores_of_different_facts_share_a_row(tmp_path: Path) -> None:
    store = RecordedStore(tmp_path, ByOrigin(tmp_path, "t", {0: Span(0, 3)}))
    store.table.prepare()
    verdicts: list[bytes | None] = [
        a_verdict("a", offset=0),
        a_verdict("b", offset=1, action="block"),
        a_verdict("c", offset=2, score=0.9),
    ]
    store.keep(0, [batch(verdicts)])
    found = store.find(some_events(["a", "b", "c"]))
    assert (found.fact.tolist(), found.score.tolist()) == ([0, 1, 0], [0, 0, 1])
    assert found.scores.tolist() == [[500, 500], [100, 900]]


def test_details_of_known_events_are_read_wherever_a_batch_ends(tmp_path: Path) -> None:
    table = ByOrigin(tmp_path, "t", {0: Span(0, 6)})
    store = RecordedStore(tmp_path, table)
    table.prepare()
    store.keep(0, [batch([a_verdict("a", offset=offset) for offset in range(6)])])
    told = [b'{"event_id":"e%d","player_id":"p%d","text":"said %d"}' % (n, n, n * 1_000) for n in range(6)]
    batches = [batch([*told[:1]]), batch([*told[1:4]], 1), batch([*told[4:]], 4)]
    events, _ = read_known_events(batches, Labelling("label"), store, table)
    details = events.details([5, 0, 1, 4, 3])
    assert [(each.event_id, each.player_id, each.text) for each in details] == [
        (f"e{n}", f"p{n}", f"said {n * 1_000}") for n in (5, 0, 1, 4, 3)
    ]
    assert events.labels == [None] * 6
    assert events.details([]) == []


def test_verdicts_of_many_stretches_are_brought_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.replay.history.store.LOADED", 2)
    store = RecordedStore(tmp_path, ByOrigin(tmp_path, "t", {0: Span(0, 9)}))
    store.table.prepare()
    for number in (4, 0, 7):
        offsets = [number, (number + 1) % 9]
        store.keep(number, [batch([a_verdict("a", offset=n, score=n / 10, policy=f"{n % 2}" * 32) for n in offsets])])
    for _ in range(2):
        found = store.find(some_events([*"abcdefghi"]))
        said = zip(found.score.tolist(), found.fact.tolist(), strict=True)
        named = [(int(found.scores[row][1]), found.facts[fact].policy[0]) if fact >= 0 else None for row, fact in said]
        assert named == [(0, "0"), (100, "1"), None, None, (400, "0"), (500, "1"), None, (700, "1"), (800, "0")]
        assert len(found.facts) == 2


@pytest.mark.parametrize("other", [None, b"{broken", b'{"lang": 5}', b"{},{}", b""])
def test_verdicts_about_records_of_an_earlier_topic_are_told(tmp_path: Path, other: bytes | None) -> None:
    table = ByOrigin(tmp_path, "t", {0: Span(0, 2)})
    store = RecordedStore(tmp_path, table)
    table.prepare()
    store.keep(0, [batch([a_verdict("a", offset=0), a_verdict("b", offset=1)])])
    events = RawBatch("t", 0, np.arange(2), [next(lines(1)), other])
    with pytest.raises(ConfigError, match="not events: they are from an earlier topic"):
        read_known_events([events], Labelling(), store, table)


def test_verdicts_are_found_by_event_id(tmp_path: Path) -> None:
    store = RecordedStore(tmp_path, ByEventId(tmp_path))
    store.table.prepare()
    store.keep(1, [batch([a_verdict("b", action="block")])])
    store.keep(0, [batch([a_verdict("b"), a_verdict("a")])])
    store.keep(0, [batch([a_verdict("b"), a_verdict("a")])])
    store.table.seal()
    found = store.find(some_events(["a", "b", "c"]))
    assert [found.facts[i].action if i >= 0 else None for i in found.fact.tolist()] == ["flag", "block", None]


def test_no_verdicts_at_all_are_found(tmp_path: Path) -> None:
    store = RecordedStore(tmp_path, ByEventId(tmp_path))
    store.table.prepare()
    store.table.seal()
    assert store.find(some_events(["a"])).fact.tolist() == [-1]
