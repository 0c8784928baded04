"""Measures a gate: distances to the limits, what a threshold keeps and passes, what is left of a natural stream."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from model.gate import Point
from model.gate_net import Net
from model.readings import readings
from model.resolver import Answer, Text
from model.rules import PACKS, RulesResolver, extended, load_pack
from model.training.acting import together
from model.training.gate_chat import Chat
from schemas.taxonomy import ANY, NON_TOXIC, Category, Taxonomy

Floats = NDArray[np.float64]
Ask = Callable[[Sequence[str]], Floats]
"""Canonical texts to the classifier's scores, (texts, categories), each text as it stands."""

TAIL: Final = 0.05
"""The share of the positives that counts as the lowest."""

CAUTION: Final = 0.7
"""Safety margin: the share of the allowed misses that is used on the texts for choosing thresholds."""


def margins(scores: Floats, limits: Mapping[str, float], names: Sequence[str]) -> Floats:
    """Return each text's margin to being acted on: its highest distance, (texts,)."""
    highest: Floats = distances(scores, limits, names).max(axis=1)
    return highest


def distances(scores: Floats, limits: Mapping[str, float], names: Sequence[str]) -> Floats:
    """Return how far the log-odds of each category, and of ``any`` if limited, exceed the limit's: (texts, limits)."""
    columns = [together(scores, limits, names) if name == ANY else scores[:, names.index(name)] for name in limits]
    floor = 1e-3
    clipped = np.clip(np.stack(columns, axis=1), floor, 1 - floor)
    bounds = np.clip(np.array(list(limits.values())), floor, 1 - floor)
    found: Floats = np.log(clipped / (1 - clipped)) - np.log(bounds / (1 - bounds))
    return found


def threshold(scores: Floats, positive: NDArray[np.bool_], kept: float, caution: float = CAUTION) -> float:
    """Return the threshold that passes a share ``kept`` of the positives to the classifier, with a safety margin.

    With too few positives to estimate that share, it lies below all their scores, extrapolated from the spread of the
    lowest.  Source: the mean excess over a high threshold, Embrechts et al. 1997, section 6.5.
    """
    ranked = np.sort(scores[positive])
    if not len(ranked):
        return float("-inf")
    missed = (1 - kept) * caution
    if caution == 1 or missed * len(ranked) >= 1:
        return float(ranked[int(missed * len(ranked))])
    return min(float(ranked[0]), _beyond(ranked, missed))


def _beyond(ranked: Floats, missed: float) -> float:
    """Return the score below which that share would lie if the lowest scores had an exponential tail."""
    lowest = ranked[: int(TAIL * len(ranked)) + 1]
    spread = float((lowest[-1] - lowest).mean())
    return float(lowest[-1]) - spread * float(np.log(TAIL / missed))


def share_passed(scores: Floats, positive: NDArray[np.bool_], at: float) -> dict[str, JsonValue]:
    """Return the effect of passing from ``at`` on: shares kept, passed and positive, and passed over positive."""
    passed, share = float((scores >= at).mean()), float(positive.mean())
    return {
        "texts": len(scores),
        "kept": round(float((scores[positive] >= at).mean()), 4) if share else None,
        "passed": round(passed, 4),
        "positives": round(share, 4),
        "ratio": round(passed / share, 3) if share else None,
    }


def in_every_reading(score: Callable[[Sequence[str]], Floats], texts: Sequence[str]) -> Floats:
    """Return each text's highest score over its readings."""
    ways = [readings(text) for text in texts]
    flat = [way for each in ways for way in each]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in ways])[:-1]])
    highest: Floats = np.maximum.reduceat(score(flat), starts)
    return highest


def worst(ask: Ask, texts: Sequence[str]) -> Floats:
    """Return the classifier's highest score of each category over each text's readings."""
    ways = [readings(text) for text in texts]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in ways])[:-1]])
    worst: Floats = np.maximum.reduceat(ask([way for each in ways for way in each]), starts, axis=0)
    return worst


def measured(net: Net, point: Point, chat: Chat, ask: Ask, names: Sequence[str]) -> dict[str, JsonValue]:
    """Measure the point on chat that neither classifier nor gate has seen, by game and target recall.

    ``best`` is the ratio at exactly that recall, which can only be chosen in hindsight.
    """
    found: dict[str, JsonValue] = {}
    for game, texts in chat.measured_on.items():
        scores = in_every_reading(net, texts)
        positive = margins(worst(ask, texts), point.limits, names) >= 0
        for kept, at in point.thresholds.items():
            best = share_passed(scores, positive, threshold(scores, positive, float(kept), caution=1.0))["ratio"]
            found[f"{game} {kept}"] = {**share_passed(scores, positive, at), "best": best}
    if chat.stream:
        found |= {
            f"stream {kept}": left_of_stream(net, at, point, chat, ask, names) for kept, at in point.thresholds.items()
        }
    return found


def left_of_stream(
    net: Net, at: float, point: Point, chat: Chat, ask: Ask, names: Sequence[str]
) -> dict[str, JsonValue]:
    """Return what rules, memory and gate leave of held-out matches in their order, one message after another.

    The memory knows the chat of the training matches; ``kept`` is the share of the positives that the classifier has
    scored, now or before, or that a rule settled.
    """
    seen, rules = set(chat.before), _rules(names)
    texts = list(dict.fromkeys(chat.stream))
    scores = dict(zip(texts, in_every_reading(net, texts).tolist(), strict=True))
    acted = dict(zip(texts, (margins(worst(ask, texts), point.limits, names) >= 0).tolist(), strict=True))
    settled = {
        text: isinstance(reply, Answer) for text, reply in zip(texts, rules([Text(t) for t in texts]), strict=True)
    }
    remembered = left = 0
    for text in chat.stream:
        if settled[text]:
            continue
        remembered += text in seen
        left += text not in seen and scores[text] >= at
        seen.add(text)
    positive = [text for text in chat.stream if acted[text]]
    kept = sum(settled[text] or scores[text] >= at for text in positive)
    total = len(chat.stream)
    return {
        "messages": total,
        "rules": round(sum(settled[text] for text in chat.stream) / total, 4),
        "memory": round(remembered / total, 4),
        "left": round(left / total, 4),
        "positives": round(len(positive) / total, 4),
        "kept": round(kept / len(positive), 4) if positive else None,
    }


def _rules(names: Sequence[str]) -> RulesResolver:
    pack = load_pack(PACKS / "default")
    bare = Taxonomy(name="names", categories=tuple(Category(name=n, severity=0, description=n) for n in names))
    if NON_TOXIC not in bare.names:
        raise ValueError(f"no {NON_TOXIC} among {names}")
    return RulesResolver({"": pack}, extended(bare, [pack]))
