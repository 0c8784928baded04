"""Rules: the words, phrases and patterns of a game's pack, with the positions where they match.

A blocking rule answers a text, and so does an allowed whole text ("gg").  A flagging rule does not: the classifier
still scores it, so that a mild rule never shields a message, and the action cannot be milder than the flag.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from model.normalise import canonical
from model.pack_files import PackError
from model.policy import Limits, Override, Policy
from model.resolver import Answer, Floor, Hint, Reply, Scores, Span, Text
from model.rules_match import Hit, Matcher
from model.rules_pack import SHIPPED, PackSource, Rule, read_pack
from schemas.taxonomy import ANY, NON_TOXIC, Category, Taxonomy
from schemas.verdict import ResolvedBy

RULES_VERSION: Final = "4"
"""Part of the digest: increase it with any change of a rule's meaning."""
PACKS: Final = SHIPPED
"""The packs that ship with the product: default, moba, shooter, kids."""
OTHER_GAMES: Final = "default"
"""The settings' key for the pack of games without their own."""
_BARE_NAME: Final = re.compile(r"[a-z0-9_-]+")


class Pack:
    """A compiled pack."""

    def __init__(self, source: PackSource) -> None:
        """Compile.

        Raises:
            PackError: something in it cannot be used; names file, line, rule and reason.
        """
        self.name: Final = source.head.name
        self.categories: Final = source.categories
        self.thresholds: Final[dict[str, Limits]] = source.thresholds
        self.rules: Final = tuple(sourced.rule for sourced in source.rules)
        self.allowed_texts: Final = _allowed_texts(self.rules)
        self._matcher = Matcher(source)
        self.digest: Final = _digest(source)
        for text, hits in self._matched(list(self.allowed_texts)).items():
            for blocking in (source.rules[hit.rule] for hit in hits if self.rules[hit.rule].action == "block"):
                by = self.allowed_texts[text]
                raise PackError(blocking.fault(f"{text!r}, which it blocks, {by!r} allows as a whole; take one back"))

    @property
    def langs(self) -> frozenset[str]:
        """The languages that rules are restricted to; empty if nothing depends on the language."""
        return frozenset(lang for rule in self.rules for lang in rule.langs)

    def find(self, texts: Sequence[str]) -> dict[int, list[Hit]]:
        """Return the matches in canonical texts, by number of the text."""
        return self._matcher.find(texts)

    def _matched(self, texts: list[str]) -> dict[str, list[Hit]]:
        return {texts[number]: hits for number, hits in self._matcher.find(texts).items()}


def load_pack(folder: Path) -> Pack:
    """Read and compile a pack, completely or not at all.

    Raises:
        PackError: it cannot be used; each line of the message names file, line, rule and reason.
    """
    return Pack(read_pack(folder))


def load_packs(by_game: Mapping[str, str]) -> dict[str, Pack]:
    """Load the packs named in ``by_game``, each once, by name; ``""`` is that of ``default``, or the shipped default.

    A name is a shipped pack's or a folder.

    Raises:
        PackError: as ``load_pack``.
    """
    packs: dict[str, Pack] = {}
    for name in dict.fromkeys([by_game.get(OTHER_GAMES, "default"), *by_game.values()]):
        packs[name] = load_pack(pack_folder(name))
    packs[""] = packs[by_game.get(OTHER_GAMES, "default")]
    return packs


def pack_folder(name: str) -> Path:
    """Return the folder of the shipped pack of that name, or else ``name`` as a path."""
    shipped = PACKS / name
    return shipped if _BARE_NAME.fullmatch(name) and shipped.is_dir() else Path(name)


def with_packs(policy: Policy, packs: Mapping[str, Pack], by_game: Mapping[str, str], taxonomy: Taxonomy) -> Policy:
    """Return the policy with the packs' thresholds added; the policy's own thresholds win.

    Thresholds for categories that the taxonomy lacks (see ``strange``) are left out.
    """
    known = {name: _known(pack, taxonomy) for name, pack in packs.items()}
    own = tuple(
        Override(game=game, thresholds=known[name])
        for game, name in by_game.items()
        if game != OTHER_GAMES and known[name]
    )
    thresholds = {**known[""], **policy.thresholds}
    return policy.model_copy(update={"thresholds": thresholds, "overrides": (*own, *policy.overrides)})


def strange(pack: Pack, taxonomy: Taxonomy) -> list[str]:
    """Return the categories that a pack has thresholds for and a taxonomy lacks."""
    return sorted(set(pack.thresholds) - _known(pack, taxonomy).keys())


def _known(pack: Pack, taxonomy: Taxonomy) -> dict[str, Limits]:
    names = {*taxonomy.names, ANY}
    return {name: limits for name, limits in pack.thresholds.items() if name in names}


def extended(taxonomy: Taxonomy, packs: Iterable[Pack]) -> Taxonomy:
    """Return the taxonomy with the packs' categories appended; existing ones are unchanged."""
    added: dict[str, Category] = {}
    for pack in packs:
        for category in pack.categories:
            if category.name not in taxonomy.names:
                added.setdefault(category.name, category)
    return taxonomy.model_copy(update={"categories": (*taxonomy.categories, *added.values())})


class RulesResolver:
    """The rules of each game's pack, as a resolver."""

    kind: ResolvedBy = "rule"

    def __init__(self, packs: Mapping[str, Pack], taxonomy: Taxonomy) -> None:
        """Bind packs to a taxonomy; ``packs`` has ``""`` for games without their own.

        Raises:
            PackError: a pack needs a category that the taxonomy lacks (see ``extended``).
        """
        self._packs = {name: _Bound(pack, taxonomy) for name, pack in packs.items()}
        parts = {name: pack.digest for name, pack in packs.items()}
        document = json.dumps([RULES_VERSION, parts], sort_keys=True)
        self.digest: Final = hashlib.blake2b(document.encode(), digest_size=16).hexdigest()

    def __call__(self, texts: Sequence[Text], /) -> list[Reply]:
        """Answer obvious texts, give hints for doubtful ones, leave the rest open.  Never blocks."""
        packs = {text.pack for text in texts}
        if len(packs) == 1:  # as in most chunks
            return self._replies(packs.pop(), texts)
        replies: list[Reply] = [None] * len(texts)
        for pack in packs:
            numbers = [number for number, text in enumerate(texts) if text.pack == pack]
            for number, reply in zip(numbers, self._replies(pack, [texts[number] for number in numbers]), strict=True):
                replies[number] = reply
        return replies

    def _replies(self, pack: str, texts: Sequence[Text]) -> list[Reply]:
        bound = self._packs.get(pack) or self._packs.get("")
        return bound.replies(texts) if bound is not None else [None] * len(texts)


class _Bound:
    """A pack with each rule's category bound to a taxonomy."""

    def __init__(self, pack: Pack, taxonomy: Taxonomy) -> None:
        self._pack = pack
        self._severities = taxonomy.severities
        self._places = _places(pack, taxonomy)
        self._one_hot = [_one_hot(place, len(taxonomy.names)) for place in range(len(taxonomy.names))]
        harmless = Answer(self._one_hot[taxonomy.names.index(NON_TOXIC)], "rule")
        self._allowed: dict[str, Answer] = dict.fromkeys(pack.allowed_texts, harmless)

    def replies(self, texts: Sequence[Text]) -> list[Reply]:
        """Return the replies to texts of this pack."""
        written = [text.canonical for text in texts]
        replies: list[Reply] = list(map(self._allowed.get, written))
        still_open = [number for number, reply in enumerate(replies) if reply is None]
        for place, hits in self._pack.find([written[number] for number in still_open]).items():
            number = still_open[place]
            replies[number] = self._judged(texts[number], hits)
        return replies

    def _judged(self, text: Text, hits: Sequence[Hit]) -> Reply:
        """The severest action wins, then the severest category, then the earlier rule."""
        rules = self._pack.rules
        applying = [hit for hit in hits if not rules[hit.rule].langs or text.lang in rules[hit.rule].langs]
        if not applying:
            return None
        blocking = [hit for hit in applying if rules[hit.rule].action == "block"]
        strongest = max(blocking or applying, key=lambda hit: (self._severities[self._places[hit.rule]], -hit.rule))
        category = self._places[strongest.rule]
        applying.sort(key=lambda hit: (hit.start, hit.end, hit.rule))
        spans = tuple(Span(hit.start, hit.end, rules[hit.rule].id) for hit in applying)
        if blocking:
            return Answer(self._one_hot[category], "rule", Floor("block", category), spans)
        return Hint(Floor("flag", category), spans)


def _places(pack: Pack, taxonomy: Taxonomy) -> list[int]:
    """Return each rule's category as a position of the taxonomy."""
    names = taxonomy.names
    missing = sorted({rule.category for rule in pack.rules if rule.category and rule.category not in names})
    if missing:
        raise PackError(f"pack {pack.name!r}: the taxonomy {taxonomy.name!r} lacks {', '.join(missing)}; extend it")
    return [names.index(rule.category or NON_TOXIC) for rule in pack.rules]


def _one_hot(place: int, size: int) -> Scores:
    return tuple(float(number == place) for number in range(size))


def _allowed_texts(rules: Iterable[Rule]) -> dict[str, str]:
    """Return the canonical texts that are allowed as a whole, with the rule that says so."""
    return {canonical(text): rule.id for rule in rules if rule.action == "allow" for text in rule.whole}


def _digest(source: PackSource) -> str:
    """Digest of everything that decides: rules and allowed words, not examples or thresholds."""
    document = {
        "rules": [sourced.rule.model_dump(mode="json", exclude={"hit", "miss"}) for sourced in source.rules],
        "allowed": [allowed.model_dump(mode="json") for allowed in source.allowed],
    }
    packed = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.blake2b(packed, digest_size=16).hexdigest()
