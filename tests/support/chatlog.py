"""A chat log made up from a seed: events with games, channels, languages, labels, and many repeated lines."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

GAMES: Final = ("arena", "tanks", "farm")
CHANNELS: Final = ("all", "team", "party", "whisper", None)
LANGS: Final = ("en", "de-DE", "pt-BR", None)
_PLAIN: Final = (
    "mid gg wp push care b top bot jungle rush tank heal ult report team why go back stop feeding nice shot sorry lag "
    "wait ready invite guild please thanks carry win lose again"
)
_BAD: Final = frozenset({"noob", "trash", "idiot", "rotten", "useless", "garbage"})
_WORDS: Final = tuple(_PLAIN.split())
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)


def lines(count: int, seed: int = 1, texts: Sequence[str] = ()) -> Iterator[bytes]:
    """Yield events as JSON, one in 500 lines broken; of made-up texts about half repeat earlier ones."""
    rng = random.Random(seed)
    common = [_some_words(rng, 1, 3) for _ in range(400)]
    for number in range(count):
        if rng.random() < 0.002:
            yield b'{"event_id": "broken'
            continue
        text = rng.choice(common) if rng.random() < 0.5 else _some_words(rng, 3, 9)
        text = texts[number % len(texts)] if texts else text
        bad = bool(_BAD & set(text.split())) ^ (rng.random() < 0.05)
        event = {
            "event_id": f"e{seed}-{number}",
            "player_id": f"p{int(rng.expovariate(1 / 1_500))}",
            "channel_id": f"c{rng.randrange(200)}",
            "text": text,
            "sent_at": (_START + timedelta(milliseconds=40 * number)).isoformat().replace("+00:00", "Z"),
            "game_id": rng.choice(GAMES),
            "metadata": {"label": "insult" if bad else "non_toxic"},
        }
        if (channel := rng.choice(CHANNELS)) is not None:
            event["channel_kind"] = channel
        if (lang := rng.choice(LANGS)) is not None:
            event["lang"] = lang
        yield json.dumps(event).encode()


def _some_words(rng: random.Random, least: int, most: int) -> str:
    """Say something; one time in ten with a bad word in it."""
    words = rng.choices(_WORDS, k=rng.randint(least, most))
    if rng.random() < 0.1:
        words[rng.randrange(len(words))] = rng.choice(sorted(_BAD))
    return " ".join(words)
