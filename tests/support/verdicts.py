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
    """Verdicts of many players in time order: offences, murmurs, floods, raids; some twice, some late."""
    chance = random.Random(seed)
    history: list[Verdict] = []
    for index in range(count):
        if history and chance.random() < 0.01:
            history.append(chance.choice(history[-50:]))
            continue
        late = chance.choice((0, 0, 0, 0, 0, -400, -900_000)) if chance.random() < 0.05 else 0
        history.append(_one(chance, index, players, index * 0.5 + late))
    return history


def _one(chance: random.Random, index: int, players: int, after_s: float) -> Verdict:
    player = f"player-{min(int(chance.expovariate(3 / players)), players - 1)}"
    channel = f"channel-{chance.randrange(max(players // 50, 2))}"
    place = {"player_id": player, "channel_id": channel}
    kind = chance.random()
    if kind < 0.12:
        action = "block" if kind < 0.08 else "flag"
        severity = chance.randrange(5)
        return a_verdict(
            f"{index}", after_s, action=action, severity=severity, text=f"t{chance.randrange(40)}", **place
        )
    if kind < 0.35:
        return an_allowed(
            f"{index}", after_s, toxicity=chance.uniform(0.1, 0.45), text=f"t{chance.randrange(6)}", **place
        )
    return an_allowed(f"{index}", after_s, text=f"t{chance.randrange(500)}", **place)
