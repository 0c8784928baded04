"""Generates players' chat: callouts, small talk, rudeness, adverts, floods, now and then a malformed record."""

import json
import random
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from stream.chatter import phrases

PLAYERS: Final = 2_000
MATCHES: Final = 80
GAMES: Final = ("arena", "dungeon", "hoops")
BROKEN: Final = 0.002
"""Share of malformed records."""

_BRACE: Final = re.compile(r"\{(\w+)\}")
_LEET: Final = str.maketrans("aeiost", "4310$7")


class Chatter:
    """An endless conversation.  The same seed and times give the same bytes."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._run = f"{seed:x}"
        self._count = 0
        self._flood: list[dict[str, object]] = []
        self._kinds: dict[Callable[[], tuple[str, str | None]], int] = {
            self._common: 50,
            self._callout: 22,
            self._small_talk: 12,
            self._foreign: 5,
            self._rude: 7,
            self._disguised: 2,
            self._threat: 1,
            self._advert: 1,
        }

    def say(self, sent_at: datetime) -> bytes:
        """Return the next record: an event as JSON, or now and then something malformed."""
        self._count += 1
        event = self._flood.pop() if self._flood else self._event()
        event |= {"event_id": f"{self._run}-{self._count:08x}", "sent_at": sent_at.isoformat()}
        raw = json.dumps(event, ensure_ascii=False).encode()
        return self._spoilt(raw) if self._random.random() < BROKEN else raw

    def _event(self) -> dict[str, object]:
        (kind,) = self._random.choices(list(self._kinds), list(self._kinds.values()))
        text, lang = kind()
        match = self._random.randrange(MATCHES)
        team = self._random.choice(("all", "team"))
        event: dict[str, object] = {
            # A few players talk a lot.
            "player_id": f"player-{int(PLAYERS * self._random.random() ** 2):04}",
            "channel_id": f"match-{match}/{team}",
            "text": text,
            "game_id": GAMES[match % len(GAMES)],
            "match_id": f"match-{match}",
            "channel_kind": team,
        }
        if lang:
            event["lang"] = lang
        if kind == self._advert or self._random.random() < 0.002:
            self._flood = [dict(event) for _ in range(self._random.randint(2, 6))]
        return event

    def _fill(self, template: str) -> str:
        return _BRACE.sub(lambda brace: self._random.choice(phrases.FILLINGS[brace[1]]), template)

    def _common(self) -> tuple[str, str | None]:
        rank = int(len(phrases.COMMON) * self._random.random() ** 2)
        text = phrases.COMMON[rank]
        return (text.upper() if self._random.random() < 0.1 else text), None

    def _callout(self) -> tuple[str, str | None]:
        return self._fill(self._random.choice(phrases.CALLOUTS)), None

    def _small_talk(self) -> tuple[str, str | None]:
        return self._fill(self._random.choice(phrases.SMALL_TALK)), "en"

    def _foreign(self) -> tuple[str, str | None]:
        lang, template = self._random.choice(phrases.OTHER_LANGUAGES)
        return self._fill(template), lang

    def _rude(self) -> tuple[str, str | None]:
        return self._fill(self._random.choice(phrases.RUDE)), None

    def _disguised(self) -> tuple[str, str | None]:
        text = self._fill(self._random.choice(phrases.RUDE + phrases.THREATS))
        return (text.translate(_LEET) if self._random.random() < 0.5 else " ".join(text)), None

    def _threat(self) -> tuple[str, str | None]:
        return self._fill(self._random.choice(phrases.THREATS)), None

    def _advert(self) -> tuple[str, str | None]:
        return self._fill(self._random.choice(phrases.ADVERTS)), None

    def _spoilt(self, raw: bytes) -> bytes:
        return self._random.choice(
            (
                raw[: len(raw) // 2],
                raw.replace(b'"text"', b'"txt"'),
                raw.replace(b'"sent_at": "', b'"sent_at": "yesterday'),
                raw + b"\xff",
            )
        )


class Pace:
    """Says how many records are due: ``rate`` a second from ``started``, for ``duration_s`` seconds."""

    def __init__(self, rate: float, duration_s: float) -> None:
        self._rate = rate
        self._duration_s = duration_s

    def due(self, elapsed_s: float) -> int:
        """Return how many records should have been sent after so many seconds."""
        return int(min(elapsed_s, self._duration_s) * self._rate)

    def over(self, elapsed_s: float) -> bool:
        """Return whether the time is up."""
        return elapsed_s >= self._duration_s

    def time_of(self, number: int) -> timedelta:
        """Return how long after the start a record (from 0) is due."""
        return timedelta(seconds=number / self._rate)
