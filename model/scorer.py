"""Scorer: everything that turns a text into scores, under one digest.

Normaliser, rules, gate, weights and taxonomy are versioned together; a verdict names them by the scorer digest.
The policy is not part of it, so a threshold can change while every cached score stays valid.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from model.normalise import NORMALISER_VERSION
from model.resolver import Outcome, Resolver, Text, resolve
from schemas.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Scorer:
    """Resolvers, cheapest first, with the taxonomy their scores follow.

    ``packs`` names the rule pack of a game; games without one share the default pack ``""``.  ``identify`` detects
    the language of a canonical text if the event names none; None if no rule depends on it.
    """

    taxonomy: Taxonomy
    resolvers: Sequence[Resolver]
    digest: str
    packs: Mapping[str, str] = field(default_factory=dict)
    identify: Callable[[str], str] | None = None

    def __call__(self, texts: Sequence[Text], /) -> list[Outcome]:
        """Answer each text, in order.  Blocks and raises as its resolvers do."""
        return resolve(texts, self.resolvers)


def scorer_digest(taxonomy: Taxonomy, parts: Mapping[str, str]) -> str:
    """Digest of everything that scores depend on: normaliser, taxonomy and the named parts (rules, gate, weights …).

    128 bits, in hex.  Caches are not part of it: they change no score.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(NORMALISER_VERSION.encode())
    digest.update(taxonomy.model_dump_json().encode())
    for name in sorted(parts):
        digest.update(f"\0{name}\0{parts[name]}".encode())
    return digest.hexdigest()
