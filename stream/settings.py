"""Settings: one TOML file and the environment.  The only module that reads the environment.

Command line > environment (``CHATWARDEN__KAFKA__GROUP_ID``) > file (``--config``) > default.  Unknown keys are
errors, in the file and in the environment.  Secrets never show in a representation.
"""

import logging
import os
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from model.toml_lines import holds, line_of
from stream.environment import read_environment, variable
from stream.errors import ConfigError

log: Final = logging.getLogger("stream.settings")

ResolverName = Literal["rules", "gate", "classifier"]
Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
_SERVER: Final = re.compile(r"(?:\w+://)?[^\s,/:]+(?::\d{1,5})?|(?:\w+://)?\[[0-9A-Fa-f:.%]+\](?::\d{1,5})?")
MAX_KEY_BYTES: Final = blake2b.MAX_KEY_SIZE
_TOPIC: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")


def _named(topic: str) -> str:
    if not _TOPIC.fullmatch(topic) or topic in (".", ".."):
        raise ValueError("a topic's name is 1 to 249 of letters, digits, '.', '_' and '-'")
    return topic


def _servers(given: str) -> str:
    if not all(_SERVER.fullmatch(server.strip()) for server in given.split(",")):
        raise ValueError("write host:port, comma-separated if there are several")
    return given


Servers = Annotated[str, AfterValidator(_servers)]
Name = Annotated[str, Field(min_length=1)]
TopicName = Annotated[str, AfterValidator(_named)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth(cls, value: object) -> object:
        """Reject booleans: pydantic would read true as 1."""
        if isinstance(value, bool):
            raise ValueError("must be a number or text, not true or false")
        return value


class KafkaSettings(_Section):
    """Where Kafka is and how we join it."""

    bootstrap_servers: Servers = "localhost:9092"
    group_id: Name = "chatwarden"
    group_protocol: Literal["classic", "consumer"] = "classic"
    transactional_id_prefix: Name = "chatwarden"
    properties: dict[str, str | int | float | bool] = Field(default_factory=dict, repr=False)
    """Passed to librdkafka; what would break a guarantee is refused.  Never shown, as it may hold a password."""


class TopicSettings(_Section):
    """Topic names."""

    events: TopicName = "chat.events"
    verdicts: TopicName = "moderation.verdicts"
    flagged: TopicName = "moderation.flagged"
    dead_letters: TopicName = "chat.events.dlq"
    strikes: TopicName = "moderation.strikes"


class RedisSettings(_Section):
    """The shared score cache; an empty url means none."""

    url: SecretStr = SecretStr("")
    timeout_ms: Positive = 20
    """Time-out of one round trip; after it the chunk continues without the cache."""
    connect_timeout_ms: Positive = 250
    """Time-out of a connection attempt, including DNS and TLS."""
    ttl_s: Positive = 86_400


class ModelSettings(_Section):
    """The classifier's bundle; None is the one that ships with the product."""

    bundle: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Positive | None = None
    """Cores that the classifier uses on a CPU; None is all that the process may use."""


def _key(given: SecretStr) -> SecretStr:
    if not 1 <= len(given.get_secret_value().encode()) <= MAX_KEY_BYTES:
        raise ValueError(f"a key is 1 to {MAX_KEY_BYTES} bytes long in UTF-8")
    return given


class PipelineSettings(_Section):
    """How a chunk is judged."""

    resolvers: Annotated[tuple[ResolverName, ...], Field(min_length=1)] = ("rules", "gate", "classifier")
    chunk_size: Annotated[int, Field(ge=1, le=100_000)] = 512
    """Maximum records in a chunk.  Larger costs less per record and delays the first verdict."""
    memory_size: Annotated[int, Field(ge=0)] = 100_000
    """Texts whose answers each process remembers (about 300 bytes each); 0 turns that off."""
    fingerprint_key: Annotated[SecretStr, AfterValidator(_key)] = SecretStr("chatwarden")
    """Keys fingerprints and cache keys, 1 to 64 bytes.  Set your own, the same on every worker."""
    classifier_down: Literal["hold", "pass"] = "hold"
    """When the classifier is down: hold the stream, or let messages pass unscored."""
    gate_keeps: Share = 0.999
    """Share of what the policy acts on that the gate must pass to the classifier."""
    gate_audit: Share = 0.01
    """Share of events cleared by the gate that the classifier scores anyway, to count what the gate misses."""


class PolicySettings(_Section):
    """The policy file (None is the default policy) and the rule packs."""

    path: Path | None = None
    packs: dict[str, str] = Field(default_factory=dict)
    """Rule pack by game: the name of a shipped one or a folder; ``default`` stands for every other game."""


class AdminSettings(_Section):
    """``/livez``, ``/readyz`` and ``/metrics``."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9_464


class DeadLetterSettings(_Section):
    """Past these limits the worker stops: a bad deploy must not drain into the dead-letter topic."""

    max_ratio: Share = 0.5
    """Maximum share of dead letters among the last 1,000 records, once there are 100."""
    max_consecutive: Positive = 100
    """Maximum dead letters in a row, per partition."""


class StrikesSettings(_Section):
    """The strikes worker: what players' verdicts add up to."""

    app_id: str = Field("chatwarden-strikes", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    """Consumer group, and prefix of the changelogs.  A new one starts over from the oldest verdict available."""
    ladder: Path | None = None
    """The ladder file; None is the default ladder."""
    data_dir: Path = Path("strikes-data")
    """Where standings are stored on disk; each worker needs its own.  If lost, they are restored from the changelog."""
    channels: TopicName = "moderation.channels"
    erasures: TopicName = "moderation.erasures"
    audit: TopicName = "moderation.erasures.audit"
    dead_letters: TopicName = "moderation.verdicts.dlq"
    replication_factor: Annotated[int, Field(ge=0)] = 0
    """Of the topics that the worker creates; 0 means that of the verdicts topic."""
    session_timeout_s: Annotated[float, Field(ge=1, le=600)] = 10.0
    """After this long without a heartbeat a worker's partitions are reassigned."""
    commit_interval_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    """Longer repeats more work after a crash; shorter writes offsets more often."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9_465
    """Address of the endpoint for standings."""
    token: SecretStr = SecretStr("")
    """Bearer token of the query endpoint, at least 16 characters; without one it stays closed."""
    advertised_url: Annotated[str, Field(pattern=r"^(https?://[^\s/]+/?)?$")] = ""
    """Where other workers reach this one's endpoint; by default its host and port."""
    shutdown_s: Annotated[float, Field(gt=0, le=600)] = 20.0
    """After SIGTERM the process ends within this time in every case."""


class Settings(_Section):
    """Everything that can be set."""

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    redis: RedisSettings = RedisSettings()
    model: ModelSettings = ModelSettings()
    pipeline: PipelineSettings = PipelineSettings()
    policy: PolicySettings = PolicySettings()
    admin: AdminSettings = AdminSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    strikes: StrikesSettings = StrikesSettings()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        """Refuse two roles in one topic: they would read what they write, or each other's records."""
        named = {f"topics.{role}": name for role, name in self.topics}
        named |= {f"strikes.{role}": getattr(self.strikes, role) for role in _STRIKES_TOPICS}
        roles: dict[str, str] = {}
        for key, name in named.items():
            if (other := roles.setdefault(name, key)) != key:
                raise ValueError(f"{other} and {key} are both {name!r}; give each a topic of its own")
        return self


_STRIKES_TOPICS: Final = ("channels", "erasures", "audit", "dead_letters")
Overrides = Mapping[str, object]
"""Values from the command line by dotted key (``"model.bundle"``); None means not given."""


def load_settings(config: Path | None = None, overrides: Overrides | None = None) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: a file is unreadable, or a key is unknown or has a wrong value; names each one and its source.
    """
    document: dict[str, Any] = _read(config) if config else {}
    _mind_underscores(os.environ)
    for path, value in read_environment(os.environ):
        _place(document, path, value)
    for key, given in (overrides or {}).items():
        if given is not None:
            _place(document, key.split("."), given)
    try:
        return Settings.model_validate(document)
    except ValidationError as exc:
        raise ConfigError(_faults(exc, config)) from exc


def leads() -> bool:
    """Return whether this process is the first or only one of those that a launcher of trainings started."""
    return os.environ.get("RANK", "0") == "0"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"--config {path}: {exc.strerror}") from exc
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"--config {path}: not TOML: {exc}") from exc


def _mind_underscores(environ: Mapping[str, str]) -> None:
    """Warn of variables that miss only an underscore.  Not an error: they may belong to another program."""
    meant = {variable(key.split(".")).replace("__", "_"): variable(key.split(".")) for key in _keys()}
    for name in sorted(environ.keys() & meant.keys()):
        log.warning("%s sets nothing; did you mean %s?", name, meant[name])


def _place(document: dict[str, Any], path: list[str], value: object) -> None:
    for part in path[:-1]:
        document = document.setdefault(part, {})
        if not isinstance(document, dict):
            raise ConfigError(f"{'.'.join(path)}: {part} is not a table")
    known = document.get(path[-1])
    document[path[-1]] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value


def _faults(exc: ValidationError, config: Path | None) -> str:
    """One line per fault, with all places where the key can be set, and its line in the file."""
    text = config.read_text(encoding="utf-8") if config else ""
    lines = []
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        parts = [str(part) for part in error["loc"]]
        given = variable([part for part in error["loc"] if isinstance(part, str)])  # an entry of a list has no variable
        message = error["msg"].removeprefix("Value error, ")
        if not parts:
            lines.append(message)
            continue
        if error["type"] == "model_type":
            message = "a table is needed"
        if error["type"] == "extra_forbidden":
            near = get_close_matches(".".join(parts), _keys() if len(parts) > 1 else list(Settings.model_fields), 1)
            message = f"unknown key; did you mean {near[0]}?" if near else "unknown key"
        source = f"{config}:{line_of(text, error['loc'])}, " if holds(text, error["loc"][:2]) else ""
        lines.append(f"{'.'.join(parts)}: {message} (from {source}{given} or the command line)")
    return "\n".join(lines)


def _keys() -> list[str]:
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for key in field.annotation.model_fields
    ]
