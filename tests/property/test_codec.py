"""The fast reader and the definition agree on every input, and what is refused says why without quoting it."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.codec import Event, decode_event
from schemas.dead_letter import MAX_DEPTH, MAX_RECORD_BYTES, Rejection
from schemas.event import ChatEvent

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=ZONES).map(datetime.isoformat)
FIELDS = {
    "event_id": NAMES,
    "player_id": NAMES,
    "channel_id": NAMES,
    "text": NAMES,
    "sent_at": INSTANTS,
    "game_id": NAMES,
    "match_id": NAMES | st.none(),
    "channel_kind": st.sampled_from(["all", "team", "lobby", "voice", None]),
    "source": st.sampled_from(["text", "voice"]),
    "lang": st.sampled_from(["en", "pt-BR", "zh-Hant-TW", None]),
    "metadata": st.dictionaries(TEXTS, TEXTS, max_size=2),
}
LENGTHS = ["p" * length for length in (1, 128, 129, 256, 257)]
ODD = [None, True, 0, -1, 1.5, 10**30, "", " ", "\x00", "\ud800", [], {}, ["a"], {"a": "b"}, {"a": 1}, {"a": None}]
EDGES: dict[str, list[object]] = {
    "event_id": [*LENGTHS],
    "player_id": [*LENGTHS],
    "channel_id": [*LENGTHS],
    "game_id": [*LENGTHS],
    "match_id": [*LENGTHS],
    "text": ["t" * 4_000, "t" * 4_001, "😀" * 4_000, "😀" * 4_001, "\n"],
    "sent_at": [
        "2026-01-01T00:00:00Z",
        "2026-01-01t00:00:00z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:60Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T00:00:00.1234567Z",
        "2026-01-01T00:00:00+0530",
        "2026-01-01T00:00:00+0000",
        "2026-01-01T00:00:00-0000",
        "2026-01-01T00:00:00-00:00",
        "2026-01-01T00:00:60+05:30",
        "2026-01-01T00:00:00-23:59",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00Z ",
        "1767225600",
        1767225600,
    ],
    "channel_kind": ["all", "ALL", "pub"],
    "source": ["text", "video"],
    "lang": ["en", "pt-BR", "e", "en_US", "en-", "en\n", "en-\u0661", "x" * 36, "abcdefgh-" + "a1" * 4, "é"],
    "metadata": [{"k" * 4_000: "v" * 4_000}, {"k" * 4_001: "v"}, {"k": "v" * 4_001}, {"": ""}],
}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, object]:
    """Draw something like an event: mostly right, with fields missing, odd, or of any type at all."""
    document: dict[str, object] = {}
    for name, values in FIELDS.items():
        kind = draw(st.integers(0, 99))
        if kind == 0:
            document[name] = draw(JSON)
        elif kind > 1:
            document[name] = draw(values)
    if draw(st.booleans()):
        document[draw(TEXTS)] = draw(JSON)
    return document


GOOD = {"event_id": "e", "player_id": "p", "channel_id": "c", "text": "hello", "sent_at": "2026-01-01T00:00:00Z"}


def raw_with(**changes: object) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def by_definition(raw: bytes) -> dict[str, object] | None:
    """Ask pydantic alone."""
    try:
        return dict(ChatEvent.model_validate(json.loads(raw.decode("utf-8"))))
    except (ValidationError, ValueError):
        return None


def agree(raw: bytes) -> None:
    event = decode_event(raw)
    expected = by_definition(raw)
    if expected is None:
        assert isinstance(event, Rejection)
    else:
        assert isinstance(event, Event)
        assert {name: getattr(event, name) for name in event.__struct_fields__} == expected


@settings(max_examples=150, deadline=None)
@given(documents(), st.booleans())
def test_the_fast_reader_equals_the_definition(document: dict[str, object], ascii_only: bool) -> None:  # noqa: FBT001 - drawn
    agree(json.dumps(document, ensure_ascii=ascii_only).encode())


@pytest.mark.parametrize("field", EDGES)
def test_the_fast_reader_equals_the_definition_at_the_edges(field: str) -> None:
    for value in (*EDGES[field], *ODD):
        agree(raw_with(**{field: value}))
    agree(json.dumps({name: value for name, value in GOOD.items() if name != field}).encode())


@pytest.mark.parametrize(
    "written", ["+0530", "+0000", "-0000", "+05\\u00330", "\\u002b0530", "+00\\u00300", "+000\\u0030"]
)
def test_an_offset_without_its_colon_is_refused_however_it_is_written(written: str) -> None:
    raw = raw_with().replace(b"00Z", b"00" + written.encode())
    rejection = decode_event(raw)
    assert isinstance(rejection, Rejection)
    assert rejection.detail.startswith("sent_at: the offset must have a colon, such as")
    agree(raw)


def test_a_text_that_ends_like_such_an_offset_is_none() -> None:
    for sent_at in ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00+05:30"):
        assert isinstance(decode_event(raw_with(text="call +0000", sent_at=sent_at)), Event)
        assert isinstance(decode_event(raw_with(text="caf\u00e9 +0530", sent_at=sent_at)), Event)


@pytest.mark.parametrize(
    "extra",
    [
        b"1e999",
        b"0." + b"1" * 400,
        b"1" * 400,
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"01",
        b"1.",
        b'"\x01"',
        b"nul",
    ],
)
def test_the_fast_reader_equals_the_definition_in_fields_that_it_skips(extra: bytes) -> None:
    agree(raw_with(other=0).replace(b"0}", extra + b"}"))


@pytest.mark.parametrize("first", [b"7", b'"d"', b"null"])
def test_of_a_key_given_twice_the_last_value_counts(first: bytes) -> None:
    agree(raw_with().replace(b'{"event_id"', b'{"event_id": ' + first + b', "event_id"'))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | documents().map(lambda d: json.dumps(d).encode()), st.data())
def test_no_bytes_raise(raw: bytes, data: st.DataObject) -> None:
    cut = raw[: data.draw(st.integers(0, len(raw)))]
    assert isinstance(decode_event(cut), Event | Rejection)


@pytest.mark.parametrize(
    ("raw", "cause", "detail"),
    [
        (None, "null_value", "no value"),
        (b"", "not_json", "character 0"),
        (b"x" * (MAX_RECORD_BYTES + 1), "too_large", "at most"),
        (b"\xff\xfe", "not_utf8", "byte 0"),
        (raw_with(text="\ud800"), "invalid_field", "text"),
        (b'{"event_id": "e"', "not_json", "character"),
        (b'{"a": 1} {"b": 2}', "not_json", "Extra data"),
        (b'{"event_id": NaN}', "not_json", "NaN"),
        (b'{"event_id": -Infinity}', "not_json", "-Infinity"),
        (b"[" * 100_000, "too_deep", "nested"),
        (raw_with(extra=json.loads("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))), "too_deep", "nested"),
        (b"[]", "not_an_object", "an array"),
        (b'"event"', "not_an_object", "str"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "text"}).encode(), "missing_field", "text"),
        (raw_with(text=7), "invalid_field", "text"),
        (raw_with(text=""), "invalid_field", "text"),
        (raw_with(event_id="e" * 129), "invalid_field", "event_id"),
        (raw_with(sent_at="2026-01-01T00:00:00"), "invalid_field", "sent_at: the offset is missing: end it with Z"),
        (raw_with(sent_at="2026-01-01T23:59:60Z"), "invalid_field", "sent_at: second 60, a leap second, cannot be"),
        (raw_with(sent_at="2026-01-01T00:00Z"), "invalid_field", "sent_at: must be an RFC 3339 date-time with an off"),
        (raw_with(channel_kind="pub"), "invalid_field", "channel_kind"),
        (raw_with(metadata={"a": 1}), "invalid_field", "metadata"),
    ],
)
def test_each_fault_has_its_cause_and_names_the_place(raw: bytes | None, cause: str, detail: str) -> None:
    rejection = decode_event(raw)
    assert isinstance(rejection, Rejection)
    assert rejection.cause == cause
    assert detail in rejection.detail


def test_the_detail_never_quotes_the_record() -> None:
    for changes in ({"text": ["secret words"]}, {"sent_at": "secret words"}, {"lang": "secret words"}):
        rejection = decode_event(raw_with(**changes))
        assert isinstance(rejection, Rejection)
        assert "secret" not in rejection.detail
