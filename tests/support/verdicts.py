"""Verdicts for tests of what comes after them."""

import hashlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.verdict import Verdict

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NONE = "0" * 32


def digest(*parts: object) -> str:
    """128 bits, in hex."""
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def a_verdict(name: str = "v", after_s: float = 0.0, **fields: Any) -> Verdict:
    """A blocked insult, ``after_s`` seconds after the start; ``name`` makes its id."""
    sent_at = START + timedelta(seconds=after_s)
    toxic = fields.pop("toxicity", 0.9)
    given: dict[str, Any] = {
        "verdict_id": digest("verdict", name),
        "event_id": f"event-{name}",
        "player_id": "player",
        "channel_id": "channel",
        "game_id": "default",
        "action": "block",
        "category": "insult",
        "scores": {"non_toxic": round(1 - toxic, 3), "insult": round(toxic, 3)},
        "resolved_by": "classifier",
        "severity": 2,
        "fingerprint": digest("text", fields.pop("text", name)),
        "scorer": NONE,
        "policy": NONE,
        "sent_at": sent_at,
        "decided_at": sent_at,
    }
    return Verdict(**{**given, **fields})


def an_allowed(name: str = "v", after_s: float = 0.0, **fields: Any) -> Verdict:
    """An allowed message; ordinary unless ``toxicity`` says otherwise."""
    given: dict[str, Any] = {"action": "allow", "category": "non_toxic", "severity": 0, "toxicity": 0.02}
    return a_verdict(name, after_s, **{**given, **fields})


def a_history(count: int, players: int, seed: int = 7) -> list[Verdict]:
    """Verdicts of many players in time order: offences, murmurs, floods, raids, pile-ons; some twice, some late."""
    chance = random.Random(seed)
    history: list[Verdict] = []
    while len(history) < count:
        index, kind = len(history), chance.random()
        if history and kind < 0.01:
            history.append(chance.choice(history[-50:]))
        elif kind < 0.02:
            history += _burst(chance, index, players)
        else:
            late = chance.choice((-20, -400, -80_000)) if kind > 0.99 else 0  # within what room there is
            history.append(_one(chance, index, players, index * 0.5 + late))
    return history[:count]


def _one(chance: random.Random, index: int, players: int, after_s: float) -> Verdict:
    player = f"player-{min(int(chance.expovariate(3 / players)), players - 1)}"
    place = {"player_id": player, "channel_id": f"channel-{chance.randrange(max(players // 50, 2))}"}
    kind, text = chance.random(), f"t{chance.randrange(500)}"
    if kind < 0.12:
        action = "block" if kind < 0.08 else "flag"
        return a_verdict(f"{index}", after_s, action=action, severity=chance.randrange(5), text=text, **place)
    toxic = chance.uniform(0.1, 0.45) if kind < 0.35 else 0.02
    return an_allowed(f"{index}", after_s, toxicity=toxic, text=text, **place)


def _burst(chance: random.Random, index: int, players: int) -> list[Verdict]:
    """One player who repeats, many who say the same, or many who insult."""
    kind = chance.choice(("flood", "raid", "pile-on"))
    channel = f"channel-{chance.randrange(max(players // 50, 2))}"
    first = chance.randrange(players)
    burst = []
    for number in range(30 if kind == "pile-on" else 9):
        player = first if kind == "flood" else (first + number) % players
        place = {"player_id": f"player-{player}", "channel_id": channel}
        name, after_s = f"{index}-{number}", (index + number) * 0.5
        if kind == "pile-on":
            burst.append(a_verdict(name, after_s, severity=1, **place))
        else:
            burst.append(an_allowed(name, after_s, toxicity=0.2, text=f"{kind}-{index}", **place))
    return burst
