"""Which verdicts are taken apart by their bytes, and which are left to the general reader."""

from pathlib import Path

import numpy as np
import pytest

from schemas.codec import Event, MatchSpan, RecordOrigin, Ruling, decode_event, encode
from stream.records import Chunk, Outgoing, Record
from stream.replay.history.gathering import RecordedColumns
from stream.replay.history.recorded import Seen, VerdictReader
from stream.replay.history.tables import ByOrigin, Span
from stream.replay.history.written import WrittenReader
from tests.support.chatlog import lines
from tests.support.judges import NOW, a_judge

read_seen = VerdictReader(Seen)
DIGEST = b"0123456789abcdef" * 2


def a_verdict(**changes: object) -> bytes:
    """Write a verdict as the worker's judge does."""
    digest = DIGEST.decode()
    fields: dict[str, object] = {
        "verdict_id": digest,
        "event_id": "e-1",
        "player_id": "p-1",
        "channel_id": "c-1",
        "game_id": "arena",
        "action": "flag",
        "category": "insult",
        "scores": {"non_toxic": 0.25, "insult": 0.75},
        "resolved_by": "rule",
        "matches": (MatchSpan(0, 4, "a-rule"), MatchSpan(6, 8, "another")),
        "severity": 2,
        "fingerprint": digest,
        "scorer": digest,
        "policy": digest,
        "sent_at": NOW,
        "decided_at": NOW.replace(microsecond=250_000),
        "origin": RecordOrigin("chat.events", 3, 1_234_567),
    }
    return encode(Ruling(**{**fields, **changes}))  # type: ignore[arg-type]  # fields by name


def taken_apart(*values: bytes) -> list[int]:
    """Return the places of the values that are taken apart by their bytes."""
    return list(WrittenReader()(values).places)


def test_what_the_judge_writes_is_taken_apart() -> None:
    raw = list(lines(500))
    records = [Record(line, place // 3, "chat.events", place % 3) for place, line in enumerate(raw)]
    results = a_judge()(Chunk(records)).results
    whole = [place for place, line in enumerate(raw) if isinstance(decode_event(line), Event)]
    written = WrittenReader()([each.verdict for each in results if isinstance(each, Outgoing)])
    assert written.places.tolist() == list(range(len(whole)))
    assert written.offsets.tolist() == [place // 3 for place in whole]
    assert written.partitions.tolist() == [place % 3 for place in whole]
    assert written.about("chat.events").all()
    games = written.games()
    assert {games.distinct[place] for place in games.place} == {b"arena", b"tanks", b"farm"}


def test_decisions_and_topics_are_told_apart() -> None:
    values = [a_verdict(), a_verdict(action="block"), a_verdict(origin=RecordOrigin("chat.events2", 0, 0)), a_verdict()]
    written = WrittenReader()(values)
    assert written.places.tolist() == [0, 1, 2, 3]
    assert written.decisions().place.tolist() == [0, 1, 0, 0]
    assert len(written.digests().distinct) == 1
    assert written.about("chat.events").tolist() == [True, True, False, True]
    assert written.about("chat.event").tolist() == [False] * 4


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": None},
        {"player_id": 'a "quoted" name'},
        {"channel_id": "back\\slash"},
        {"game_id": "two\nlines"},
        {"event_id": "e" * 100},
        {"verdict_id": "short"},
        {"origin": RecordOrigin("chat.events", 0, 10**18)},
        {"matches": (MatchSpan(0, 1, 'a "rule"'),)},
    ],
)
def test_what_may_be_written_and_is_out_of_the_ordinary_is_left_to_the_general_reader(
    changes: dict[str, object],
) -> None:
    usual, odd = a_verdict(), a_verdict(**changes)
    assert taken_apart(usual, odd, usual) == [0, 2]
    batch = RecordedColumns().read([usual, odd, usual], read_seen)
    assert batch.places.tolist() == [0, 1, 2]
    assert [verdict.event_id for verdict in batch.others] == [read_seen([odd])[0].event_id]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"{", b" {"),
        (b'":"e-1"', b'": "e-1"'),
        (b'"e-1"', b'"e\x001"'),
        (b'"arena"', b'"arena"x'),
        (b'"arena","', b'"arena" "'),
        (b'"arena",', b""),
        (b'{"verdict_id":"' + DIGEST, b'{"verdict_id":"' + b'a","verdict_id":"'.ljust(32, b"b")),
        (b'"scorer":"' + DIGEST, b'"scorer":"' + b'a","action":"block","x":"'.ljust(32, b"b")),
        (b',"fingerprint"', b' "fingerprint"'),
        (b'"partition":3', b'"partition":03'),
        (b'"partition":3', b'"partition":-3'),
        (b'"partition":3', b'"partition":'),
        (b'"offset":1234567', b'"offset":1234567.0'),
        (b'"offset":1234567', b'"offset":12e3'),
        (b"}}", b"},}"),
        (b"}}", b"}}}"),
        (b"}}", b"}"),
    ],
)
def test_whatever_else_it_is_is_left_to_the_general_reader(old: bytes, new: bytes) -> None:
    usual = a_verdict()
    assert usual.count(old)
    odd = new.join(usual.rsplit(old, 1)) if old == b"}}" else usual.replace(old, new, 1)
    assert taken_apart(usual, odd, usual) == [0, 2]
    batch = RecordedColumns().read([usual, odd, usual], read_seen)
    assert batch.places.tolist() == ([0, 1, 2] if read_seen.one(odd) else [0, 2])


def test_a_decision_too_short_to_be_one_is_left_to_the_general_reader() -> None:
    usual = a_verdict()
    for short in (b"", b'"x"', b'"action":"flag"'):
        odd = usual[: usual.index(b'"action"')] + short + usual[usual.index(b',"fingerprint"') :]
        assert taken_apart(usual, odd, usual) == [0, 2]
    assert taken_apart(usual[: usual.index(b'"action"') - 1] + usual[usual.index(b',"fingerprint"') :]) == []


def test_the_same_decision_by_two_policies_is_two_cases() -> None:
    values = [a_verdict(), a_verdict(policy="f" * 32), a_verdict(action="block"), a_verdict(policy="f" * 32)]
    columns = RecordedColumns()
    batch = columns.read(values, read_seen)
    assert batch.cases.tolist() == [0, 1, 2, 1]
    assert batch.is_written.tolist() == [True] * 4
    recorded = columns.columns()
    assert [recorded.facts[fact].policy[0] for fact in recorded.fact.tolist()] == ["0", "f", "0", "f"]


def test_verdicts_about_another_topic_are_not_put_among_ours(tmp_path: Path) -> None:
    table = ByOrigin(tmp_path, "chat.events", {3: Span(0, 2)})
    table.prepare()
    elsewhere = a_verdict(origin=RecordOrigin("chat.event", 3, 0))
    values = [a_verdict(origin=RecordOrigin("chat.events", 3, 1)), elsewhere]
    assert table.keep(0, values, RecordedColumns()) == 2
    assert table.look_up(3, np.array([0, 1])).astype(bool).tolist() == [False, True]


def test_a_batch_that_is_not_utf_8_is_left_to_the_general_reader() -> None:
    usual, odd = a_verdict(), a_verdict().replace(b'"e-1"', b'"e-1\xff"')
    assert taken_apart(usual, odd) == []
    assert RecordedColumns().read([usual, odd], read_seen).places.tolist() == [0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"severity":2', b'"severity":2,"event_id":"other"'),
        (b'"severity":2', b'"severity":2,"origin":null'),
        (b'"severity":2', b'"severity":2}'),
        (b'"action":"flag"', b'"action":"ban"'),
        (b'"action":"flag"', b'"deed":"flag"'),
        (b'"matches":[', b'"matches":[['),
    ],
)
def test_a_decision_that_says_more_or_less_is_left_to_the_general_reader(old: bytes, new: bytes) -> None:
    usual = a_verdict()
    odd = usual.replace(old, new, 1)
    assert odd != usual
    batch = RecordedColumns().read([usual, odd, usual], read_seen)
    assert batch.is_written.sum() == 2
    assert [verdict.event_id for verdict in batch.others] == [verdict.event_id for verdict in read_seen([odd])]


@pytest.mark.parametrize(
    "scores", ["[]", "null", '"insult"', '{"insult":"0.5"}', '{"insult":1.5}', '{"insult":-0.1}', "7"]
)
def test_what_has_no_scores_to_speak_of_is_no_verdict(scores: str) -> None:
    usual = a_verdict()
    odd = usual.replace(b'"scores":{"non_toxic":0.25,"insult":0.75}', b'"scores":%b' % scores.encode())
    assert odd != usual
    assert read_seen([odd, usual, odd]) == read_seen([usual])
    batch = RecordedColumns().read([usual, odd, b" " + odd, usual], read_seen)
    assert batch.places.tolist() == [0, 3]
