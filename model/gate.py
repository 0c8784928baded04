"""The gate: clears texts that the classifier would allow anyway, in microseconds per text.

Its network (``model.gate_net``) is distilled from the classifier and stored in the bundle with *operating points*:
thresholds chosen on held-out chat so that a stated share of what the policy acts on reaches the classifier.  A point is
valid for the limits it was chosen for and for milder ones.  A stricter policy uses the next point, and where none is
strict enough the gate clears nothing.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from model.bundle import Bundle, Share
from model.errors import BundleError
from model.gate_net import Doubles, Net, Weights
from model.gate_words import Kind, Reader, Words
from model.policy import Limits, Override, Policy
from model.resolver import Answer, Reply, Text
from model.suspects import search_again
from schemas.taxonomy import ANY, NON_TOXIC, CategoryName, Taxonomy
from schemas.verdict import ResolvedBy

WEIGHTS_FILE: Final = "gate.safetensors"
_FURTHEST: Final = 12
"""Beyond this logit a probability on the grid of 0.001 is 0 or 1."""
Acting = dict[str, float]
"""By category, and for ``any``: the score from which it is acted on; absent ones never are."""


class Point(BaseModel):
    """One operating point."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: dict[CategoryName, Share]
    """Scores from which each category, and their sum, counts as acted on; others never do."""
    thresholds: Annotated[dict[str, float], Field(min_length=1)]
    """By target recall ("0.99"): texts that score below this logit are cleared."""

    def covers(self, acting: Mapping[str, float]) -> bool:
        """Whether every text that reaches these limits also reaches the point's.

        The point must add up every category that the policy does: none of its limits is higher than its ``any``.
        """
        most = self.limits.get(ANY, 2.0) if ANY in acting else 2.0
        return all(self.limits.get(category, 2.0) <= min(limit, most) for category, limit in acting.items())


class GateEntry(BaseModel):
    """The bundle's ``gate`` entry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Annotated[int, Field(ge=1, le=1)] = 1
    reads: Kind = "grams"
    """Rows of the network's table: hashed n-grams of words, or the classifier's own pieces."""
    scale: Annotated[float, Field(gt=0)]
    """Scale of the stored n-gram weights."""
    points: tuple[Point, ...]
    """The mildest limits come first."""
    measured: dict[str, JsonValue] = Field(default_factory=dict)


class Gate(NamedTuple):
    """A bundle's gate: its network, its operating points and a digest of the network."""

    net: Net
    entry: GateEntry
    digest: str


def load_gate(bundle: Bundle) -> Gate | None:
    """Load the bundle's gate, if it has one.  Blocks on the disk.

    Raises:
        BundleError: the entry or the weights cannot be used.
    """
    if bundle.manifest.gate is None:
        return None
    from safetensors import SafetensorError
    from safetensors.numpy import load

    place = bundle.path / WEIGHTS_FILE
    raw = bundle.read(WEIGHTS_FILE)
    try:
        entry = GateEntry.model_validate(bundle.manifest.gate)
        stored = load(raw)
        weights = Weights(scale=entry.scale, **{name: stored[name] for name in Weights._fields if name != "scale"})
        net = Net(weights, _reader(bundle, entry.reads, len(weights.grams)))
        net(["warm up"])
    except ValidationError as exc:
        fault = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        raise BundleError(f"{bundle.path}: gate.{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from exc
    except (SafetensorError, KeyError, ValueError, IndexError) as exc:
        raise BundleError(f"{place}: not a gate ({exc}); run `python -m model.training.gate` again") from exc
    return Gate(net, entry, hashlib.blake2b(raw, digest_size=16).hexdigest())


def _reader(bundle: Bundle, kind: Kind, rows: int) -> Reader:
    if kind == "grams":
        return Words(rows)
    from model.pieces import pieces_of

    pieces = pieces_of(bundle)
    if pieces.rows != rows:
        raise ValueError(f"{rows} rows for {pieces.rows} pieces")
    return pieces


def categories_out(bundle: Bundle) -> frozenset[str]:
    """Return the categories that the bundle's network has an output for, ``non_toxic`` apart."""
    names = bundle.taxonomy.names
    return frozenset(names[place] for place in bundle.outputs if place is not None) - {NON_TOXIC}


def acting_limits(policy: Policy, pack: str, by_game: Mapping[str, str], outputs: Iterable[str]) -> Acting:
    """Return the strictest limits that apply to any message with this rule pack, by category of the classifier."""
    tables: list[Mapping[str, Limits]] = [policy.thresholds]
    tables.extend(override.thresholds for override in policy.overrides if _may_meet(override, pack, by_game))
    acting: Acting = {}
    for table in tables:
        for category, limits in table.items():
            reached = [limit for limit in (limits.flag, limits.block) if limit is not None]
            if reached and category != NON_TOXIC:
                acting[category] = min([acting.get(category, 1.0), *reached])
    known = {*outputs, ANY}
    return {category: limit for category, limit in acting.items() if category in known}


def _may_meet(override: Override, pack: str, by_game: Mapping[str, str]) -> bool:
    return override.game is None or by_game.get(override.game, "") == pack


def gate_thresholds(
    entry: GateEntry, kept: float, policy: Policy, by_game: Mapping[str, str], outputs: Iterable[str]
) -> dict[str, float]:
    """Return, by rule pack, the score from which a text is passed on; packs that no point covers are left out.

    Uses the requested recall, or the next higher one in the entry.
    """
    found: dict[str, float] = {}
    outputs = list(outputs)
    for pack in ["", *by_game.values()]:
        acting = acting_limits(policy, pack, by_game, outputs)
        point = next((point for point in entry.points if point.covers(acting)), None)
        shares = sorted(float(share) for share in point.thresholds) if point else []
        share = next((share for share in shares if share >= kept - 1e-9), None)
        if point is not None and share is not None:
            found[pack] = {float(key): value for key, value in point.thresholds.items()}[share]
    return found


class GateResolver:
    """The gate as a resolver: ``non_toxic`` for what it clears, nothing for the rest.

    ``thresholds`` has the rule packs whose texts it may clear, with the score from which a text is passed on.
    """

    kind: ResolvedBy = "gate"

    def __init__(self, gate: Gate, thresholds: Mapping[str, float], taxonomy: Taxonomy) -> None:
        self._net = gate.net
        self._thresholds = dict(thresholds)
        self._replies: list[Answer | None] = [*_answers(taxonomy), None]
        document = json.dumps([gate.digest, sorted(thresholds.items())])
        self.digest: Final = hashlib.blake2b(document.encode(), digest_size=16).hexdigest()

    def __call__(self, texts: Sequence[Text], /) -> list[Reply]:
        """Clear what scores below its threshold in every reading.  Never blocks."""
        if not texts or not self._thresholds:
            return [None] * len(texts)
        scores = self._scores([text.canonical for text in texts])
        cleared = scores < self._limits(texts)
        scores *= 10
        steps = np.rint(scores, out=scores).clip(-10 * _FURTHEST, 10 * _FURTHEST).astype(np.int64)
        steps += 10 * _FURTHEST
        steps[~cleared] = -1
        return list(map(self._replies.__getitem__, steps.tolist()))

    def _limits(self, texts: Sequence[Text]) -> Doubles | float:
        """Return what each text must stay below to be cleared, or all of them."""
        never = float("-inf")
        packs = {text.pack for text in texts}
        if len(packs) == 1:
            return self._thresholds.get(packs.pop(), never)
        return np.array([self._thresholds.get(text.pack, never) for text in texts])

    def _scores(self, written: Sequence[str]) -> Doubles:
        """Return each text's highest score over its readings."""
        suspects, numbers = search_again(written)
        scores = self._net.scores(suspects.lines, suspects.read)
        number = len(suspects.lines.texts)
        np.maximum.at(scores, np.array([owner for owner, _ in suspects.readings], dtype=np.int64), scores[number:])
        return scores.take(numbers)


def _answers(taxonomy: Taxonomy) -> Iterator[Answer]:
    """Yield the answer for each tenth of a logit; the probability that is not ``non_toxic`` has no category."""
    names = taxonomy.names
    harmless = names.index(NON_TOXIC)
    for tenths in range(-10 * _FURTHEST, 10 * _FURTHEST + 1):
        share = round(1 / (1 + 2.718281828459045 ** (tenths / 10)), 3)
        yield Answer(tuple(share if place == harmless else 0.0 for place in range(len(names))), "gate")
