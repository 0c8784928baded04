"""Policy: from scores and circumstances to an action.  Thresholds are data; changing them invalidates no scores."""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from model.resolver import Answer
from model.toml_lines import line_of
from schemas.event import ChannelKind
from schemas.taxonomy import ANY, NON_TOXIC, CategoryName, Taxonomy
from schemas.verdict import ACTIONS, SCORE_DECIMALS, Action

Threshold = Annotated[float, Field(ge=0, le=1, strict=True)]
_RANK: Final = {action: rank for rank, action in enumerate(ACTIONS)}


class PolicyError(ValueError):
    """A policy that cannot be used; each line of the message names file, line, key and fault."""


_Key = tuple[str | int, ...]


def _dotted(key: _Key) -> str:
    return ".".join(map(str, key)) or "policy"


class _File(NamedTuple):
    """What a policy was read from."""

    path: Path
    source: str
    overrides: int

    def complaint(self, key: _Key, said: str) -> str:
        return f"{self.path}:{line_of(self.source, key)}: {_dotted(key)}: {said}"


class Limits(BaseModel):
    """The probabilities from which a category is flagged and blocked; absent means never.

    Those of ``any`` are for a sum of categories (see ``Table``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flag: Threshold | None = None
    block: Threshold | None = None

    @field_validator("block")
    @classmethod
    def _ordered(cls, block: float | None, info: ValidationInfo) -> float | None:
        flag = info.data.get("flag")
        if flag is not None and block is not None and block < flag:
            raise ValueError(f"block ({block}) must not be below flag ({flag})")
        return block


class Override(BaseModel):
    """Limits for some circumstances; every given condition must hold.  Later overrides win."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    game: str | None = None
    channel_kind: ChannelKind | None = None
    lang: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    thresholds: dict[CategoryName, Limits]

    @model_validator(mode="after")
    def _conditional(self) -> Self:
        if self.game is None and self.channel_kind is None and self.lang is None:
            raise ValueError("an override needs at least one of game, channel_kind, lang")
        return self


class Circumstances(NamedTuple):
    """What a policy may depend on in an event, apart from its text."""

    game: str
    channel_kind: ChannelKind | None
    lang: str


class Decision(NamedTuple):
    """The outcome: action, deciding category, severity."""

    action: Action
    category: str
    severity: int


class Table(NamedTuple):
    """A policy's limits in some circumstances; an absent bound is never reached."""

    each: tuple[tuple[int, float, float], ...]
    """Acting categories (positions), with the scores from which they are flagged and blocked."""
    together: tuple[tuple[int, ...], float, float] | None
    """The same for the sum of those categories whose own limit is no higher, so that none is acted on below its own."""


class Policy(BaseModel):
    """Thresholds by category, and for any of them, with overrides by game, channel kind and language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    unscored: Literal["allow", "flag"] = "allow"
    thresholds: dict[CategoryName, Limits]
    overrides: tuple[Override, ...] = ()
    _file: _File | None = PrivateAttr(None)

    @property
    def digest(self) -> str:
        """128-bit digest of everything that decides, in hex."""
        document = self.model_dump(mode="json", exclude={"name"})
        packed = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        return hashlib.blake2b(packed, digest_size=16).hexdigest()

    def limits(self, circumstances: Circumstances) -> dict[str, Limits]:
        """Return the limits in these circumstances, by category."""
        limits: dict[str, Limits] = dict(self.thresholds)
        for override in self.overrides:
            if _applies(override, circumstances):
                limits |= override.thresholds
        return limits

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a policy file.

        Raises:
            PolicyError: the file is unreadable or not a policy.
        """
        try:
            raw = path.read_bytes()
            source = raw.decode()
            policy = cls.model_validate(tomllib.loads(source))
        except OSError as exc:
            raise PolicyError(f"{path}: {exc.strerror}") from exc
        except UnicodeDecodeError as exc:
            line = raw.count(b"\n", 0, exc.start) + 1
            raise PolicyError(f"{path}:{line}: not UTF-8: {exc.reason}") from exc
        except tomllib.TOMLDecodeError as exc:
            raise PolicyError(f"{path}: not TOML: {exc}") from exc
        except ValidationError as exc:
            raise PolicyError(_faults(_File(path, source, 0), exc)) from exc
        policy._file = _File(path, source, len(policy.overrides))  # noqa: SLF001 - one of this class
        return policy

    def check(self, taxonomy: Taxonomy) -> None:
        """Check that all categories are known.

        Raises:
            PolicyError: some are not.
        """
        named: list[_Key] = [("thresholds", name) for name in self.thresholds]
        # The file's own overrides come last, after those of rule packs.
        before = len(self.overrides) - self._file.overrides if self._file else 0
        for number, override in enumerate(self.overrides, -before):
            named += [("overrides", number, "thresholds", name) for name in override.thresholds]
        unknown = [(key, str(key[-1])) for key in named if key[-1] not in (*taxonomy.names, ANY)]
        if unknown:
            raise PolicyError("\n".join(self._complaint(key, _unknown(name, taxonomy)) for key, name in unknown))

    def _complaint(self, key: _Key, said: str) -> str:
        return self._file.complaint(key, said) if self._file else f"{_dotted(key)}: {said}"


def _applies(override: Override, circumstances: Circumstances) -> bool:
    return (
        override.game in (None, circumstances.game)
        and override.channel_kind in (None, circumstances.channel_kind)
        and override.lang in (None, circumstances.lang)
    )


def _unknown(name: str, taxonomy: Taxonomy) -> str:
    known = (*taxonomy.names, ANY)
    near = get_close_matches(name, known, 1)
    return f"unknown category; {f'did you mean {near[0]}?  ' if near else ''}known: {', '.join(known)}"


def _faults(file: _File, exc: ValidationError) -> str:
    """One line per fault: file, line, key and reason."""
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return "\n".join(file.complaint(error["loc"], error["msg"].removeprefix("Value error, ")) for error in errors)


_Reached = tuple[int, int, float, int]
"""Rank of an action, then severity, score and negative position of the category that reaches it."""
_NONE: Final[_Reached] = (0, -1, -1.0, 0)


class Decider:
    """A policy bound to a taxonomy, with its tables built once per circumstance."""

    def __init__(self, policy: Policy, taxonomy: Taxonomy) -> None:
        """Bind them.

        Raises:
            PolicyError: the policy names a category that the taxonomy lacks.
        """
        policy.check(taxonomy)
        self.digest: Final = policy.digest
        self._policy = policy
        self._names = taxonomy.names
        self._severities = taxonomy.severities
        self._tables: dict[Circumstances, Table] = {}

    def __call__(self, answer: Answer, circumstances: Circumstances) -> Decision:
        """Decide.  Pure.

        The severest action reached wins; among categories that reach it, the highest severity, then the highest
        score, then taxonomy order.  What categories reach together counts as reached by the likeliest of them, and a
        rule's floor as reached by its category.
        """
        best = self._reached(answer.scores, self.table(circumstances)) if answer.scores else _NONE
        if answer.floor is not None and answer.floor.action != "allow":
            category = answer.floor.category
            best = max(best, (_RANK[answer.floor.action], self._severities[category], 1.0, -category))
        if best[0]:
            return Decision(ACTIONS[best[0]], self._names[-best[3]], best[1])
        return Decision("allow" if answer.scores else self._policy.unscored, NON_TOXIC, 0)

    def _reached(self, scores: Sequence[float], table: Table) -> _Reached:
        best = _NONE
        for category, flag, block in table.each:
            score = scores[category]
            if score >= flag:
                best = max(best, (2 if score >= block else 1, self._severities[category], score, -category))
        if table.together is None:
            return best
        members, flag, block = table.together
        score, place = max((scores[category], -category) for category in members)
        together = round(sum([scores[category] for category in members]), SCORE_DECIMALS)
        return max(best, ((together >= flag) + (together >= block), self._severities[-place], score, place))

    @property
    def unscored(self) -> Action:
        """The action for texts without scores."""
        return self._policy.unscored

    def table(self, circumstances: Circumstances) -> Table:
        """Return the table for these circumstances."""
        table = self._tables.get(circumstances)
        if table is None:
            table = self._table(self._policy.limits(circumstances))
            if len(self._tables) >= _MAX_TABLES:
                self._tables.clear()
            self._tables[circumstances] = table
        return table

    def _table(self, limits: Mapping[str, Limits]) -> Table:
        bounds = {name: _bounds(limit) for name, limit in limits.items() if limit != Limits() and name != NON_TOXIC}
        together = bounds.pop(ANY, None)
        each = tuple((self._names.index(name), *both) for name, both in bounds.items())
        members = tuple(sorted(category for category, flag, _ in each if together is not None and flag <= together[0]))
        return Table(each, (members, *together) if together is not None and members else None)


_MAX_TABLES: Final = 10_000
"""Games and languages come from the input; this bounds the number of cached tables."""


def _bounds(limits: Limits) -> tuple[float, float]:
    never = float("inf")
    block = never if limits.block is None else limits.block
    return (block if limits.flag is None else limits.flag), block
