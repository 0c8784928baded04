"""Turns a chunk of records into verdicts and dead letters: decode, normalise, score, decide.  Pure but for the clock.

Read this file first: everything else feeds it or writes what it returns.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

import msgspec

from model.normalise import align, canonical
from model.policy import Circumstances, Decider, Decision
from model.resolver import Answer, Floor, Poison, Scores, Span, Text
from model.scorer import Scorer
from schemas.codec import (
    Event,
    FlaggedRuling,
    MatchSpan,
    RecordOrigin,
    Ruling,
    decode_event,
    encode,
)
from schemas.dead_letter import Rejection
from stream.records import Chunk, DeadLetter, Judged, Outgoing, Record

Now = Callable[[], datetime]
"""A clock: the current time, with its zone."""


def primary_language(tag: str | None) -> str:
    """Return the primary subtag of a BCP 47 tag in lower case; empty if the language is unknown."""
    return tag.split("-", 1)[0].lower() if tag else ""


def text_of(event: Event, scorer: Scorer) -> Text:
    """Return what the scorer sees of an event.

    Detects the language if the scorer needs it and the event names none.
    """
    text = canonical(event.text)
    lang = primary_language(event.lang)
    if not lang and scorer.identify is not None:
        lang = scorer.identify(text)
    return Text(text, lang, scorer.packs.get(event.game_id, ""))


def circumstances_of(event: Event) -> Circumstances:
    """Return what a policy may depend on; the language is the one that the event itself names."""
    return Circumstances(event.game_id, event.channel_kind, primary_language(event.lang))


class Audit(Protocol):
    """Called with what the gate cleared.  Never blocks, never raises."""

    def __call__(self, event: Event, text: Text, circumstances: Circumstances, /) -> None:
        """Note one event."""
        ...

    def close(self) -> None:
        """Stop its threads; returns soon."""
        ...


class Judge:
    """Judges chunks with one scorer and one policy.

    ``key`` keys the fingerprints, so that nobody without it can guess texts by their digest.  ``audit`` is
    called with what the gate cleared and has no effect on verdicts.
    """

    def __init__(self, scorer: Scorer, decider: Decider, key: bytes, now: Now, audit: Audit | None = None) -> None:
        self._scorer = scorer
        self._decider = decider
        self._now = now
        self._audit = audit
        self._names: Final = scorer.taxonomy.names
        # Hash states are copied, not rebuilt: keying is half the cost of a digest.
        self._fingerprint = hashlib.blake2b(key=key, digest_size=16)
        self._verdict_id = hashlib.blake2b((scorer.digest + decider.digest).encode(), digest_size=16)

    def __call__(self, chunk: Chunk) -> Judged:
        """Judge every record.  Blocks and raises as the scorer's resolvers do; never because of a record."""
        decoded = [decode_event(record.value) for record in chunk.records]
        texts = [text_of(event, self._scorer) for event in decoded if isinstance(event, Event)]
        outcomes = iter(zip(texts, self._scorer(texts), strict=True))
        writer = _Writer(self, self._now())
        judged = Judged([])
        for record, event in zip(chunk.records, decoded, strict=True):
            if isinstance(event, Rejection):
                judged.results.append(DeadLetter(record, event))
                continue
            text, outcome = next(outcomes)
            if isinstance(outcome, Poison):
                judged.results.append(DeadLetter(record, Rejection("poisoned", outcome.reason)))
            else:
                judged.results.append(writer.write(record, event, text, outcome, judged.tally))
                if outcome.resolved_by == "gate" and self._audit is not None:
                    self._audit(event, text, circumstances_of(event))
        return judged

    def close(self) -> None:
        """Stop the audit; call it before the process ends."""
        if self._audit is not None:
            self._audit.close()

    def decide(self, answer: Answer, circumstances: Circumstances) -> Decision:
        """Apply the policy to an answer in an event's circumstances."""
        return self._decider(answer, circumstances)

    def fingerprint(self, text: str) -> str:
        """Return the keyed digest of a canonical text."""
        digest = self._fingerprint.copy()
        digest.update(text.encode())
        return digest.hexdigest()

    def verdict_id(self, event: Event) -> str:
        """Return the digest of everything that determines the verdict: event, scorer and policy."""
        digest = self._verdict_id.copy()
        fields = (
            event.game_id,
            event.channel_id,
            event.player_id,
            event.event_id,
            event.channel_kind or "",
            event.lang or "",
            event.text,
        )
        digest.update("\x1f".join(fields).encode())
        return digest.hexdigest()

    def scores(self, scores: Scores) -> msgspec.Raw:
        """Encode a score vector by category name."""
        return msgspec.Raw(encode(dict(zip(self._names, scores, strict=False))))

    @property
    def digests(self) -> tuple[str, str]:
        """The scorer digest and the policy digest."""
        return self._scorer.digest, self._decider.digest


class _Writer:
    """Writes one chunk's verdicts; what equal texts and equal scores share is computed once."""

    def __init__(self, judge: Judge, decided_at: datetime) -> None:
        self._judge = judge
        self._decided_at = decided_at
        self._scorer, self._policy = judge.digests
        self._fingerprints: dict[str, str] = {}
        self._scores: dict[Scores, msgspec.Raw] = {}
        self._decisions: dict[tuple[Scores, Floor | None, Circumstances], Decision] = {}

    def write(
        self,
        record: Record,
        event: Event,
        text: Text,
        answer: Answer,
        tally: Counter[tuple[str, str, str]],
    ) -> Outgoing:
        decision = self._decision(answer, circumstances_of(event))
        tally[decision.action, decision.category, answer.resolved_by] += 1
        verdict = encode(self._ruling(record, event, text, answer, decision))
        flagged = None
        if decision.action != "allow":
            flagged = encode(FlaggedRuling(msgspec.Raw(verdict), event))
        return Outgoing(event.player_id.encode(), verdict, flagged)

    def _decision(self, answer: Answer, circumstances: Circumstances) -> Decision:
        key = answer.scores, answer.floor, circumstances
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._decisions[key] = self._judge.decide(answer, circumstances)
        return decision

    def _ruling(self, record: Record, event: Event, text: Text, answer: Answer, decision: Decision) -> Ruling:
        fingerprint = self._fingerprints.get(text.canonical)
        if fingerprint is None:
            fingerprint = self._fingerprints[text.canonical] = self._judge.fingerprint(text.canonical)
        scores = self._scores.get(answer.scores)
        if scores is None:
            scores = self._scores[answer.scores] = self._judge.scores(answer.scores)
        origin = None
        if record.topic is not None:
            origin = RecordOrigin(record.topic, record.partition, record.offset)
        return Ruling(
            verdict_id=self._judge.verdict_id(event),
            event_id=event.event_id,
            player_id=event.player_id,
            channel_id=event.channel_id,
            game_id=event.game_id,
            action=decision.action,
            category=decision.category,
            scores=scores,
            resolved_by=answer.resolved_by,
            matches=_matches(event.text, answer.spans) if answer.spans else (),
            severity=decision.severity,
            fingerprint=fingerprint,
            scorer=self._scorer,
            policy=self._policy,
            sent_at=event.sent_at,
            decided_at=self._decided_at,
            origin=origin,
        )


def _matches(text: str, spans: tuple[Span, ...]) -> tuple[MatchSpan, ...]:
    """Translate spans of the canonical text to the original text."""
    view = align(text)
    return tuple(MatchSpan(*view.span(start, end), rule) for start, end, rule in spans)
