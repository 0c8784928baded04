"""The composition root: settings to the things they describe.  The only module that names concrete classes.

Heavy libraries are imported inside the functions that need them.
"""

from model.memory import MemoryResolver
from model.policy import Decider, Limits, Policy, PolicyError
from model.resolver import Resolver
from model.rules import Pack, load_packs, with_packs
from model.rules_pack import PackError
from model.scorer import Scorer
from schemas.taxonomy import NON_TOXIC, Taxonomy
from stream.errors import ConfigError
from stream.judge import Judge, Now
from stream.settings import Settings


def judge(settings: Settings, now: Now) -> Judge:
    """Build the judge of one process.

    Raises:
        ConfigError: the bundle, a rule pack or the policy cannot be used.
    """
    built = scorer(settings)
    key = settings.pipeline.fingerprint_key.get_secret_value().encode()
    return Judge(built, decider(settings, built.taxonomy), key, now)


def scorer(settings: Settings) -> Scorer:
    """Build the resolvers that take part, cheapest first: memory, rules, gate, Redis, classifier.

    Raises:
        ConfigError: the bundle or a rule pack cannot be used.
    """
    resolvers: list[Resolver] = []
    if settings.pipeline.memory_size:
        resolvers.append(MemoryResolver(settings.pipeline.memory_size))
    raise ConfigError("model.bundle: no bundle ships with the product yet")


def packs(settings: Settings) -> dict[str, Pack]:
    """Load the rule packs that the settings name, by the name that ``Text.pack`` carries; ``""`` is the default one.

    Raises:
        ConfigError: a pack cannot be used; names file, line, rule and reason.
    """
    try:
        return load_packs(settings.policy.packs)
    except PackError as exc:
        raise ConfigError(f"policy.packs: {exc}") from exc


def decider(settings: Settings, taxonomy: Taxonomy) -> Decider:
    """Bind the policy, with the thresholds of the rule packs under it, to the scorer's taxonomy.

    Raises:
        ConfigError: the policy file or a pack is wrong or names a category that the taxonomy lacks.
    """
    path = settings.policy.path
    try:
        policy = Policy.from_toml(path) if path else default_policy(taxonomy)
        return Decider(with_packs(policy, packs(settings), settings.policy.packs), taxonomy)
    except PolicyError as exc:
        raise ConfigError(f"policy.path: {exc}") from exc


def default_policy(taxonomy: Taxonomy) -> Policy:
    """Flag what is more likely than not, block what is nearly certain and severe; for want of a policy file."""
    return Policy(
        name="default",
        thresholds={
            category.name: Limits(flag=0.5, block=0.9 if category.severity >= 2 else None)
            for category in taxonomy.categories
            if category.name != NON_TOXIC
        },
    )
