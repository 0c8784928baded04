"""Verdicts taken apart by their bytes say what the general reader finds in them, mutilated ones included."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.codec import MatchSpan, RecordOrigin, Ruling, encode
from schemas.verdict import ACTIONS
from stream.replay.history.events import Labelling, read_verdicts
from stream.replay.history.gathering import RecordedColumns
from stream.replay.history.recorded import Seen, Traced, VerdictReader
from stream.replay.history.stretch import RawBatch
from stream.replay.history.written import WrittenReader

TOPIC = "chat.events"
DIGESTS = st.sampled_from(["0" * 32, "f" * 32, "a1" * 16])
PLAIN = st.text("abcXYZ019-_./:,?{}[] é漢😀", min_size=1, max_size=20) | st.sampled_from(
    ["p" * n for n in (62, 63, 64, 99)]
)
ODD = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8) | st.sampled_from(
    ['"', "\\", '","game_id":"', "\n"]
)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda each: each.replace(tzinfo=UTC))
ELSEWHERE = INSTANTS.map(lambda each: each.astimezone(timezone(timedelta(hours=5, minutes=30))))
NUMBERS = st.integers(0, 12) | st.sampled_from([0, 10**17, 10**18, 2**63 - 1])
NAMES = ("non_toxic", "insult", "threat")
GRIDDED = st.integers(0, 1_000).map(lambda score: score / 1_000)
NO_SCORES: st.SearchStrategy[dict[str, float]] = st.just({})
SCORES = NO_SCORES | st.fixed_dictionaries(dict.fromkeys(NAMES, GRIDDED))
SPANS = st.builds(MatchSpan, NUMBERS, NUMBERS, st.sampled_from(["r1", "a rule"]) | ODD)


def verdicts(
    names: st.SearchStrategy[str], origins: st.SearchStrategy[RecordOrigin | None]
) -> st.SearchStrategy[bytes]:
    """Return verdicts as the worker writes them, about events with such names."""
    return st.builds(
        Ruling,
        verdict_id=DIGESTS,
        event_id=names,
        player_id=names,
        channel_id=names,
        game_id=names,
        action=st.sampled_from(ACTIONS),
        category=st.sampled_from(NAMES),
        scores=SCORES,
        resolved_by=st.sampled_from(["rule", "gate", "cache", "classifier"]),
        matches=st.lists(SPANS, max_size=2).map(tuple),
        severity=st.integers(0, 4),
        fingerprint=DIGESTS,
        scorer=DIGESTS,
        policy=DIGESTS,
        sent_at=INSTANTS | ELSEWHERE,
        decided_at=INSTANTS,
        origin=origins,
    ).map(encode)


ORIGINS = st.builds(RecordOrigin, st.sampled_from([TOPIC, "other.events", "t"]), NUMBERS, NUMBERS)
PIECES = (b'"', b"\\", b",", b"{", b"}", b"[", b"]", b":", b"0", b"-", b" ", b"\n", b"\x00", b"\xff", b'\\"', b"null")


@st.composite
def mutilated(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Cut, put in, repeat or move a piece of a verdict, or two."""
    value = draw(whole)
    for _ in range(draw(st.integers(1, 2))):
        at, end = sorted(draw(st.tuples(*[st.integers(0, len(value))] * 2)))
        members = value.split(b',"')
        piece = draw(
            st.sampled_from([*PIECES, b"", value[at:end], b',"' + members[at % len(members)], b'"action":"block",'])
        )
        near = draw(st.sampled_from([at, min(end, at + 1), end]))
        value = value[:at] + piece + value[near:]
    return value


ANY = verdicts(PLAIN | ODD, ORIGINS | st.none())
VALUES = st.lists(ANY | mutilated(verdicts(PLAIN, ORIGINS)) | st.sampled_from([None, b"", b"{}", b"[1]"]), max_size=6)
read_traced, read_seen = VerdictReader(Traced), VerdictReader(Seen)


def described(columns: RecordedColumns) -> list[tuple[object, ...]]:
    """Return what each verdict says."""
    recorded = columns.columns()
    order = np.argsort(recorded.names)
    rows = recorded.scores[:, order].tolist()
    names = sorted(recorded.names)
    scored = recorded.scored.tolist()
    return [
        (recorded.facts[fact], names, rows[score], scored[score])
        for fact, score in zip(recorded.fact.tolist(), recorded.score.tolist(), strict=True)
    ]


def one_by_one(values: Sequence[bytes | None]) -> tuple[list[int], list[Traced]]:
    read = [read_traced.one(value) if value is not None else None for value in values]
    return [place for place, verdict in enumerate(read) if verdict], [verdict for verdict in read if verdict]


@settings(max_examples=400)
@given(VALUES)
@example([b'{"verdict_id":"' + b"?" * 32 + b'","event_id":"'] * 2)
def test_they_say_what_the_general_reader_finds(values: list[bytes | None]) -> None:
    places, expected = one_by_one(values)
    general, quick = RecordedColumns(), RecordedColumns()
    general.add(expected)
    batch = quick.read(values, read_traced)
    assert batch.places.tolist() == places
    assert described(quick) == described(general)
    here = np.where(batch.written.about(TOPIC), batch.written.offsets, -1)
    origins = [verdict.origin for verdict in batch.others]
    found = batch.column(here, [each.offset if each and each.topic == TOPIC else -1 for each in origins])
    partitions = batch.column(batch.written.partitions, [each.partition if each else -1 for each in origins])
    origins = [verdict.origin for verdict in expected]
    assert found.tolist() == [each.offset if each and each.topic == TOPIC else -1 for each in origins]
    assert partitions.tolist() == [each.partition if each else -1 for each in origins]


@settings(max_examples=200)
@given(st.lists(VALUES, max_size=4))
def test_what_was_in_the_batches_before_changes_nothing(batches: list[list[bytes | None]]) -> None:
    general, quick = RecordedColumns(), RecordedColumns()
    for values in batches:
        _, expected = one_by_one(values)
        general.add(expected)
        batch = quick.read(values, read_traced)
        alone = RecordedColumns().read(values, read_traced)
        assert batch.written.places.tolist() == alone.written.places.tolist()
        assert batch.written.offsets.tolist() == alone.written.offsets.tolist()
    assert described(quick) == described(general)


@settings(max_examples=200)
@given(VALUES)
def test_as_history_they_name_what_the_general_reader_finds(values: list[bytes | None]) -> None:
    batch = RawBatch(TOPIC, 0, np.arange(len(values), dtype=np.int64), values)
    expected = [read_seen.one(value) if value is not None else None for value in values]
    whole = [verdict for verdict in expected if verdict]
    try:
        events, recorded = read_verdicts([batch], Labelling())
    except (msgspec.MsgspecError, OverflowError, ValueError):
        return  # scores that are no scores, as above
    assert events.positions.tolist() == [place for place, verdict in enumerate(expected) if verdict]
    assert [events.circumstances[place].game for place in events.where] == [verdict.game_id for verdict in whole]
    named = [(detail.event_id, detail.player_id) for detail in events.details(range(len(events)))]
    assert named == [(verdict.event_id, verdict.player_id) for verdict in whole]
    assert len(recorded.fact) == len(whole)


@settings(max_examples=200)
@given(st.lists(verdicts(st.text("abc-{}[]:,é漢", min_size=1, max_size=20), ORIGINS), min_size=1, max_size=6))
def test_what_the_worker_writes_is_taken_apart(values: list[bytes]) -> None:
    written = WrittenReader()(values)
    numbers = [read_traced.one(value) for value in values]
    fit = [
        place
        for place, verdict in enumerate(numbers)
        if verdict
        and verdict.origin
        and max(verdict.origin.partition, verdict.origin.offset) < 10**18
        and b"\\" not in values[place]
    ]
    assert written.places.tolist() == fit
