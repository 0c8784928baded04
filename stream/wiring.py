"""The composition root: builds what the settings describe.  The only module that names concrete classes.

Heavy libraries are imported inside the functions that need them, so a rules-only run needs no torch.
"""

import logging
import time
from dataclasses import dataclass
from typing import Final

from model.bundle import DEFAULT_BUNDLE, Bundle, bundle_digest, load_bundle
from model.classifier import Classifier, ClassifierDown, ClassifierResolver, PassWhenDown, Widened
from model.cores import usable_cores
from model.errors import ModelError
from model.gate import GateResolver, categories_out, gate_thresholds, load_gate
from model.language import LANGUAGE_VERSION, Languages
from model.memory import MemoryResolver
from model.pack_files import PackError
from model.policy import Decider, Limits, Policy, PolicyError
from model.resolver import Resolver
from model.rules import OTHER_GAMES, Pack, RulesResolver, extended, load_packs, strange, with_packs
from model.scorer import Scorer, scorer_digest
from schemas.taxonomy import ANY, Taxonomy
from stream.audit import GateAudit
from stream.errors import ConfigError
from stream.judge import Judge, Now
from stream.metrics import Metrics, NoMetrics
from stream.settings import Settings

log = logging.getLogger(__name__)

_BLOCK_FROM: Final = 0.9
_BLOCK_SEVERITY: Final = 2


def judge(settings: Settings, now: Now, metrics: Metrics | None = None) -> Judge:
    """Build the judge of one process; loads the model.  Close it at the end.  Without metrics the gate is not audited.

    Raises:
        ConfigError: the bundle, a rule pack or the policy cannot be used.
    """
    parts = load_parts(settings)
    key = settings.pipeline.fingerprint_key.get_secret_value().encode()
    decides = _decider(settings, parts, parts.taxonomy)  # first: its errors need not wait for the model
    built = _scorer(settings, parts, metrics or NoMetrics())
    return Judge(built, decides, key, now, None if metrics is None else _audit(settings, built, decides, metrics))


def _audit(settings: Settings, built: Scorer, decides: Decider, metrics: Metrics) -> GateAudit | None:
    """Return the gate's audit if both a gate and a classifier take part."""
    gated = any(isinstance(resolver, GateResolver) for resolver in built.resolvers)
    if not (gated and settings.pipeline.gate_audit and "classifier" in settings.pipeline.resolvers):
        return None
    return GateAudit(built.resolvers[-1], decides, settings.pipeline.gate_audit, metrics)


def scorer(settings: Settings, metrics: Metrics | None = None) -> Scorer:
    """Build the resolvers that take part, cheapest first: memory, rules, gate, Redis, classifier.

    If only the classifier takes part, it scores every text: no caches run before it either.

    Raises:
        ConfigError: the bundle or a rule pack cannot be used.
    """
    return _scorer(settings, load_parts(settings), metrics or NoMetrics())


def decider(settings: Settings, taxonomy: Taxonomy, parts: "Parts | None" = None) -> Decider:
    """Bind the policy, with the rule packs' thresholds, to the scorer's taxonomy; reads ``parts`` if not given.

    Raises:
        ConfigError: the policy file is wrong or names a category that the taxonomy lacks.
    """
    return _decider(settings, parts or load_parts(settings), taxonomy)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is read from disk to build a scorer and a decider."""

    bundle: Bundle
    packs: dict[str, Pack]

    @property
    def taxonomy(self) -> Taxonomy:
        """The bundle's categories and, after them, those that rule packs add."""
        return extended(self.bundle.taxonomy, self.packs.values())


def load_parts(settings: Settings) -> Parts:
    """Read and verify the bundle and the rule packs; no torch.

    Raises:
        ConfigError: one of them cannot be used.
    """
    try:
        return Parts(load_bundle(settings.model.bundle or DEFAULT_BUNDLE), load_packs(settings.policy.packs))
    except ModelError as exc:
        raise ConfigError(f"model.bundle: {exc}") from exc
    except PackError as exc:
        raise ConfigError(f"policy.packs: {exc}") from exc


def _scorer(settings: Settings, parts: Parts, metrics: Metrics) -> Scorer:
    wanted = settings.pipeline.resolvers
    caches = wanted != ("classifier",)
    digests = {"bundle": bundle_digest(parts.bundle), "resolvers": ",".join(sorted(wanted))}
    resolvers: list[Resolver] = []
    if caches and settings.pipeline.memory_size:
        resolvers.append(MemoryResolver(settings.pipeline.memory_size))
    if "rules" in wanted:
        rules = RulesResolver(parts.packs, parts.taxonomy)
        digests["rules"] = rules.digest
        resolvers.append(rules)
    if "gate" in wanted and (gate := _gate(settings, parts)):
        digests["gate"] = gate.digest
        resolvers.append(gate)
    identify = _languages(parts) if "rules" in wanted else None
    digest = scorer_digest(parts.taxonomy, digests | ({"languages": LANGUAGE_VERSION} if identify else {}))
    if "classifier" in wanted:
        if caches and settings.redis.url.get_secret_value():
            resolvers.append(_redis(settings, digest, len(parts.taxonomy.names), metrics))
        resolvers.append(_classifier(settings, parts, metrics))
    return Scorer(parts.taxonomy, resolvers, digest, _games(settings), identify)


def _languages(parts: Parts) -> Languages | None:
    """Return a language detector if any rule depends on the language."""
    among = frozenset(lang for pack in parts.packs.values() for lang in pack.langs)
    try:
        return Languages(among) if among else None
    except ValueError as exc:
        raise ConfigError(f"policy.packs: langs: {exc}") from exc


def _games(settings: Settings) -> dict[str, str]:
    """Return the rule pack of each game that has its own."""
    return {game: pack for game, pack in settings.policy.packs.items() if game != OTHER_GAMES}


def _gate(settings: Settings, parts: Parts) -> GateResolver | None:
    """Return the bundle's gate if it covers this policy; a stricter policy turns it off."""
    name = parts.bundle.manifest.name
    try:
        gate = load_gate(parts.bundle)
    except ModelError as exc:
        raise ConfigError(f"model.bundle: {exc}") from exc
    if gate is None:
        log.warning("bundle %s has no gate; continuing without one", name)
        return None
    games, outputs = _games(settings), categories_out(parts.bundle)
    thresholds = gate_thresholds(gate.entry, settings.pipeline.gate_keeps, _policy(settings, parts), games, outputs)
    for pack in sorted({"", *games.values()} - set(thresholds)):
        log.warning(
            "the gate of %s is off for rule pack %r: the policy is stricter than its operating points", name, pack
        )
    return GateResolver(gate, thresholds, parts.taxonomy) if thresholds else None


def _redis(settings: Settings, digest: str, width: int, metrics: Metrics) -> Resolver:
    from stream.breaker import Breaker
    from stream.cache import CacheResolver, Sealer
    from stream.redis_cache import RedisCache

    redis = settings.redis
    cache = RedisCache(redis.url.get_secret_value(), redis.timeout_ms / 1_000, redis.connect_timeout_ms / 1_000)
    sealer = Sealer(settings.pipeline.fingerprint_key.get_secret_value().encode(), digest, width)
    return CacheResolver(cache, sealer, Breaker(time.monotonic), metrics, redis.ttl_s, time.monotonic)


def _classifier(settings: Settings, parts: Parts, metrics: Metrics) -> Resolver:
    log.info("loading the model")  # importing torch is the longest part of it
    from model.readings import readings
    from model.torch_classifier import TorchClassifier

    try:
        classifier: Classifier = TorchClassifier(
            parts.bundle,
            settings.model.device,
            threads=settings.model.threads or usable_cores(),
            readings=readings,
        )
    except ModelError as exc:
        raise ConfigError(f"model: {exc}") from exc
    added = len(parts.taxonomy.names) - len(parts.bundle.taxonomy.names)
    resolver = ClassifierResolver(Widened(classifier, added) if added else classifier)
    if settings.pipeline.classifier_down == "hold":
        return resolver
    return PassWhenDown(resolver, lambda fault: _passing(fault, metrics))


def _passing(fault: ClassifierDown | None, metrics: Metrics) -> None:
    """Report that messages pass unscored from now on, or no longer."""
    metrics.gauge("degraded", 0 if fault is None else 1, component="classifier")
    if fault is None:
        log.warning("the classifier is back; messages are scored again", extra={"component": "classifier"})
    else:
        log.error("the classifier is down; messages pass unscored: %s", fault, extra={"component": "classifier"})


def _decider(settings: Settings, parts: Parts, taxonomy: Taxonomy) -> Decider:
    for pack in {pack.name: pack for pack in parts.packs.values()}.values():
        if unknown := strange(pack, parts.taxonomy):
            log.warning("rule pack %r has thresholds for %s, which the model lacks", pack.name, ", ".join(unknown))
    try:
        return Decider(_policy(settings, parts), taxonomy)
    except PolicyError as exc:
        raise ConfigError(f"policy.path: {exc}") from exc


def _policy(settings: Settings, parts: Parts) -> Policy:
    """Read the policy, with the rule packs' thresholds as defaults."""
    path = settings.policy.path
    try:
        policy = Policy.from_toml(path) if path else default_policy(parts.bundle)
    except PolicyError as exc:
        raise ConfigError(f"policy.path: {exc}") from exc
    return with_packs(policy, parts.packs, settings.policy.packs, parts.taxonomy)


def default_policy(bundle: Bundle) -> Policy:
    """Return the policy that applies without a policy file.

    A category is flagged from the threshold that its bundle suggests and, if it is severe, blocked from 0.9; the sum of
    categories only flags.
    """
    severity = {ANY: 0, **dict(zip(bundle.taxonomy.names, bundle.taxonomy.severities, strict=True))}
    limits = {
        name: Limits(flag=flag, block=max(flag, _BLOCK_FROM) if severity[name] >= _BLOCK_SEVERITY else None)
        for name, flag in bundle.manifest.acting.items()
    }
    return Policy(name="default", thresholds=limits)
