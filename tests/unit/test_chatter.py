"""Generated chat: reproducible, mostly events, never the same for long."""

import json
from collections import Counter
from datetime import UTC, datetime

from schemas.codec import Event, decode_event
from stream.chatter.generate import Chatter, Pace

AT = datetime(2026, 1, 1, tzinfo=UTC)


def some(seed: int, count: int) -> list[bytes]:
    chatter = Chatter(seed)
    return [chatter.say(AT) for _ in range(count)]


def test_the_same_seed_gives_the_same_chat() -> None:
    assert some(3, 500) == some(3, 500)
    assert some(3, 500) != some(4, 500)


def test_nearly_all_records_are_events_with_ids_of_their_own() -> None:
    decoded = [decode_event(raw) for raw in some(1, 5_000)]
    events = [event for event in decoded if isinstance(event, Event)]
    assert 4_960 < len(events) < 5_000
    assert len({event.event_id for event in events}) == len(events)


def test_chat_repeats_itself_as_chat_does() -> None:
    texts = Counter(json.loads(raw)["text"] for raw in some(1, 3_000) if isinstance(decode_event(raw), Event))
    assert sum(count for _, count in texts.most_common(10)) > 0.2 * texts.total()
    assert len(texts) > 500


def test_the_pace_is_even_and_ends() -> None:
    pace = Pace(rate=10, duration_s=2)
    assert [pace.due(elapsed) for elapsed in (0, 0.05, 0.1, 1, 2, 9)] == [0, 0, 1, 10, 20, 20]
    assert [pace.over(elapsed) for elapsed in (1.99, 2)] == [False, True]
    assert pace.time_of(5).total_seconds() == 0.5
