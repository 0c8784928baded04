"""Bytes to events and verdicts to bytes: the only place where the stream reads or writes JSON.

``ChatEvent`` and ``Verdict`` (pydantic) are the definitions.  The structs here are their equivalents within a chunk,
read and written by msgspec at a tenth of the cost.  What the fast reader refuses is validated again by the definition,
and only that rejects a record; a property test checks that the two are equal.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Final, NoReturn

import msgspec
from pydantic import ValidationError

from schemas.dead_letter import MAX_DEPTH, MAX_RECORD_BYTES, Rejection
from schemas.event import (
    LANG_PATTERN,
    MAX_ID,
    MAX_NAME,
    MAX_NOTE,
    MAX_TEXT,
    ChannelKind,
    ChatEvent,
    Source,
)
from schemas.verdict import Action, ResolvedBy, Verdict

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
# Python's $ also matches before a trailing newline; the definition's does not.
_Lang = Annotated[str, msgspec.Meta(pattern=LANG_PATTERN.removesuffix("$") + r"\Z", max_length=35)]
_Note = Annotated[str, msgspec.Meta(max_length=MAX_NOTE)]


class Event(msgspec.Struct, frozen=True, gc=False):
    """A ``ChatEvent`` within a chunk."""

    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
    player_id: _Name
    channel_id: _Name
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
    sent_at: Annotated[datetime, msgspec.Meta(tz=True)]
    game_id: _Name = "default"
    match_id: _Name | None = None
    channel_kind: ChannelKind | None = None
    source: Source = "text"
    lang: _Lang | None = None
    metadata: dict[_Note, _Note] = {}


class MatchSpan(msgspec.Struct, frozen=True, gc=False):
    """A ``Match`` to be written."""

    start: int
    end: int
    rule: str


class RecordOrigin(msgspec.Struct, frozen=True, gc=False):
    """An ``Origin`` to be written."""

    topic: str
    partition: int
    offset: int


class Ruling(msgspec.Struct, frozen=True, gc=False):
    """A ``Verdict`` to be written; ``scores`` may be encoded JSON."""

    verdict_id: str
    event_id: str
    player_id: str
    channel_id: str
    game_id: str
    action: Action
    category: str
    scores: dict[str, float] | msgspec.Raw
    resolved_by: ResolvedBy
    matches: tuple[MatchSpan, ...]
    severity: int
    fingerprint: str
    scorer: str
    policy: str
    sent_at: datetime
    decided_at: datetime
    origin: RecordOrigin | None


class FlaggedRuling(msgspec.Struct, frozen=True, gc=False):
    """A ``Flagged`` to be written."""

    verdict: msgspec.Raw
    event: Event


class _Decided(msgspec.Struct, frozen=True, gc=False):
    """The fields by which a verdict is counted."""

    action: str
    category: str
    resolved_by: str


_read_decided: Final = msgspec.json.Decoder(_Decided).decode
_read_event: Final = msgspec.json.Decoder(Event).decode
_encoder: Final = msgspec.json.Encoder()
_NO_COLON: Final = re.compile(rb'[+-]\d{4}"|\\u00[23]').search
"""An offset without a colon, or an escaped character that might be part of one."""
encode: Final = _encoder.encode
"""Struct to UTF-8 JSON bytes."""


def decode_event(raw: bytes | None) -> Event | Rejection:
    """Read one event; anything else is returned as a ``Rejection``.  Never raises."""
    if raw is None:
        return Rejection("null_value", "the record has no value")
    if len(raw) > MAX_RECORD_BYTES:
        return Rejection("too_large", f"{len(raw)} bytes; at most {MAX_RECORD_BYTES} are read")
    # The number of brackets bounds the depth; with so few, no parser's recursion limit is tested.
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        try:
            if not raw.isascii():
                raw.decode()  # the reader skips unknown fields without checking their bytes
            event = _read_event(raw)
            if not _perhaps_no_colon(event, raw):
                return event
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
    return _define(raw)


def _perhaps_no_colon(event: Event, raw: bytes) -> bool:
    """Whether the offset of ``sent_at`` may lack its colon, as the reader allows and RFC 3339 does not.

    The definition decides; this only has to be fast, and never miss one.
    """
    if event.sent_at.tzinfo is UTC:  # Z, or a zero offset in any spelling
        return b'0000"' in raw or b"\\u0030" in raw
    return _NO_COLON(raw) is not None


def decided(verdict: bytes) -> tuple[str, str, str]:
    """Return action, category and resolved_by of a verdict that ``encode`` wrote; not for bytes from elsewhere."""
    found = _read_decided(verdict)
    return found.action, found.category, found.resolved_by


def decode_verdict(raw: bytes | None) -> Verdict | Rejection:
    """Read one verdict; anything else is returned as a ``Rejection``.  Never raises."""
    if raw is None:
        return Rejection("null_value", "the record has no value")
    if len(raw) > MAX_RECORD_BYTES:
        return Rejection("too_large", f"{len(raw)} bytes; at most {MAX_RECORD_BYTES} are read")
    document = _read_document(raw)
    if isinstance(document, Rejection):
        return document
    try:
        verdict = Verdict.model_validate(document)
        ids = (verdict.player_id, verdict.channel_id, verdict.game_id, verdict.event_id)
        "".join(ids).encode()
    except ValidationError as exc:
        return _explain(exc, "verdict")
    except UnicodeEncodeError as exc:
        return Rejection("invalid_field", f"an id holds half a surrogate pair: {exc.reason}")
    if max(map(len, ids)) > MAX_NAME:
        return Rejection("invalid_field", f"an id is longer than {MAX_NAME} characters")
    return verdict


def _define(raw: bytes) -> Event | Rejection:
    """Validate by the definition: slow and exact, with an explanation."""
    document = _read_document(raw)
    if isinstance(document, Rejection):
        return document
    try:
        event = ChatEvent.model_validate(document)
    except ValidationError as exc:
        return _explain(exc, "event")
    return Event(**{name: getattr(event, name) for name in Event.__struct_fields__})


def _read_document(raw: bytes) -> dict[object, object] | Rejection:
    """Read one JSON object of bounded depth."""
    try:
        document = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as exc:
        return Rejection("not_utf8", f"byte {exc.start}: {exc.reason}")
    except json.JSONDecodeError as exc:
        return Rejection("not_json", f"character {exc.pos}: {exc.msg}")
    except RecursionError:
        return Rejection("too_deep", f"nested more than {MAX_DEPTH} deep")
    except ValueError as exc:
        return Rejection("not_json", str(exc))
    if not isinstance(document, dict):
        return Rejection("not_an_object", f"JSON, but {_KINDS[type(document)]} and not an object")
    if _depth_exceeds(document, MAX_DEPTH):
        return Rejection("too_deep", f"nested more than {MAX_DEPTH} deep")
    return document


_KINDS: Final[dict[type, str]] = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _depth_exceeds(document: dict[object, object], limit: int) -> bool:
    """Walk level by level, without recursion."""
    level: list[dict[object, object] | list[object]] = [document]
    for _ in range(limit + 1):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _explain(exc: ValidationError, whole: str) -> Rejection:
    """List each field with its error, without the input."""
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    missing = all(error["type"] == "missing" for error in errors)
    detail = "; ".join(
        f"{error['loc'][0] if error['loc'] else whole}: {error['msg'].removeprefix('Value error, ')}"
        for error in errors
    )
    return Rejection("missing_field" if missing else "invalid_field", detail[:1_000])
