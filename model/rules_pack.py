"""Rule packs as data: a folder of TOML files, read in full or refused with file, line and reason.

``pack.toml`` names the pack and its categories, ``rules*.toml`` hold rules, ``allow.toml`` the words of a game that
look worse than they are, ``thresholds.toml`` its part of the policy, ``examples.jsonl`` what must and must not match.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.pack_files import PackError, Place, line_of, read_form
from model.policy import Limits
from schemas.taxonomy import Category, CategoryName
from schemas.verdict import Action

SHIPPED: Final = Path(__file__).parent / "packs"
MAX_ENTRIES: Final = 20_000
"""Maximum words and phrases of one pack."""
MAX_PATTERNS: Final = 500
MAX_DEPTH: Final = 4
"""Maximum chain of packs by ``extends``."""


Entry = Annotated[str, Field(min_length=1, max_length=200)]
Entries = tuple[Entry, ...]
Site = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
Detector = Literal["address", "card", "characters", "email", "handle", "invite", "link", "network", "phone", "words"]


class Rule(BaseModel):
    """One rule.  ``allow`` settles a whole text as harmless, ``block`` settles it, ``flag`` only leaves a mark."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    action: Action
    category: CategoryName | None = None
    langs: tuple[Language, ...] = ()
    as_written: bool = False
    """Match the canonical text only, not its further readings."""
    whole: Entries = ()
    words: Entries = ()
    stems: Entries = ()
    parts: Entries = ()
    phrases: Entries = ()
    patterns: tuple[Annotated[str, Field(min_length=1, max_length=1_000)], ...] = ()
    detector: Detector | None = None
    at_least: Annotated[int, Field(ge=1, le=4_000)] | None = None
    """Minimum repetitions of a flood detector."""
    except_sites: tuple[Site, ...] = ()
    """Allowed link targets, including pages and subdomains."""
    hit: Annotated[tuple[str, ...], Field(min_length=1)]
    miss: Annotated[tuple[str, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        searching = self.words + self.stems + self.parts + self.phrases + self.patterns
        if self.action == "allow":
            if self.category is not None or searching or self.detector or self.langs:
                raise ValueError("an allow rule takes only 'whole': no category, words, patterns, detector or langs")
            if not self.whole:
                raise ValueError("an allow rule needs texts under 'whole'")
        elif self.category is None:
            raise ValueError(f"a rule that may {self.action} needs a category")
        elif not (searching or self.whole or self.detector):
            raise ValueError("the rule matches nothing; give it words, stems, parts, phrases, patterns or a detector")
        if (self.at_least is not None) != (self.detector in {"characters", "words"}):
            raise ValueError("at_least is required with the detectors 'characters' and 'words', and only allowed there")
        if self.except_sites and self.detector != "link":
            raise ValueError("except_sites is only allowed with the detector 'link'")
        if both := set(self.hit).intersection(self.miss):
            raise ValueError(f"{min(both)!r} is under both 'hit' and 'miss'; remove one")
        return self


class Allowed(BaseModel):
    """Words and phrases inside which no rule matches, by kind of border; and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: Entries = ()
    stems: Entries = ()
    phrases: Entries = ()


class Head(BaseModel):
    """``pack.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    description: Annotated[str, Field(min_length=1)]
    extends: str | None = None
    without: tuple[str, ...] = ()
    """Ids of inherited rules to drop."""
    actions: dict[str, Action] = Field(default_factory=dict)
    """Other actions for inherited rules, by id."""
    categories: tuple[Category, ...] = ()


class _Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    rules: tuple[Rule, ...]


class _Thresholds(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    thresholds: dict[CategoryName, Limits]


class Sourced(NamedTuple):
    """A rule and its place."""

    rule: Rule
    file: Path
    source: str

    def fault(self, reason: str, word: str | None = None) -> str:
        """Format an error about this rule, at the line that contains ``word`` or else its id."""
        line = line_of(self.source, f'"{self.rule.id}"')
        if word is not None:
            line = line_of(self.source, word, line)
        return f"{Place(self.file, line)}: rule {self.rule.id!r}: {reason}"


class PackSource(NamedTuple):
    """A pack as read, with all that it inherits."""

    head: Head
    categories: tuple[Category, ...]
    rules: tuple[Sourced, ...]
    allowed: tuple[Allowed, ...]
    thresholds: dict[str, Limits]


def read_pack(folder: Path) -> PackSource:
    """Read a pack and the packs it extends.

    Raises:
        PackError: a file is missing, too large, not TOML or has invalid content; names all faults of a file at once.
    """
    chain = _chain(folder)
    head = chain[-1].head
    rules: dict[str, Sourced] = {}
    allowed: list[Allowed] = []
    categories: dict[str, Category] = {}
    thresholds: dict[str, Limits] = {}
    for link in chain:
        place = link.folder
        _drop(rules, link)
        _toughen(rules, link)
        categories |= {category.name: category for category in link.head.categories}
        _add(rules, _read_rules(place))
        if (place / "allow.toml").is_file():
            allowed.append(read_form(place / "allow.toml", Allowed)[0])
        if (place / "thresholds.toml").is_file():
            thresholds |= read_form(place / "thresholds.toml", _Thresholds)[0].thresholds
    _check_size(folder, rules.values(), allowed)
    _check_categories(rules.values(), categories)
    return PackSource(head, tuple(categories.values()), tuple(rules.values()), tuple(allowed), thresholds)


class _Link(NamedTuple):
    """A pack in a chain, and the text of its ``pack.toml``."""

    folder: Path
    head: Head
    source: str

    def fault(self, word: str, reason: str) -> PackError:
        """Format an error in ``pack.toml`` at the line of ``word``."""
        return PackError(f"{Place(self.folder / 'pack.toml', line_of(self.source, word))}: {reason}")


def _chain(folder: Path) -> list[_Link]:
    """Return the folders and heads of the chain, the base first."""
    chain: list[_Link] = []
    place: Path | None = folder
    while place is not None:
        if len(chain) == MAX_DEPTH:
            raise PackError(f"{folder / 'pack.toml'}:1: 'extends' is nested more than {MAX_DEPTH} deep")
        if not (place / "pack.toml").is_file():
            raise PackError(f"{place}: not a pack (no pack.toml); shipped packs: {', '.join(sorted(_shipped()))}")
        head, source = read_form(place / "pack.toml", Head)
        chain.append(_Link(place, head, source))
        place = _extended(place, head.extends, source) if head.extends else None
    return chain[::-1]


def _extended(folder: Path, name: str, source: str) -> Path:
    """Return the folder of the extended pack: a path relative to the extending one, or a shipped pack's name."""
    for place in (folder / name, _shipped().get(name)):
        if place is not None and (place / "pack.toml").is_file():
            return place
    line = line_of(source, "extends")
    names = ", ".join(sorted(_shipped()))
    raise PackError(
        f"{folder / 'pack.toml'}:{line}: extends: {folder / name} is not a pack, nor is {name!r} shipped ({names})"
    )


def _shipped() -> dict[str, Path]:
    return {place.name: place for place in SHIPPED.iterdir() if (place / "pack.toml").is_file()}


def _drop(rules: dict[str, Sourced], link: _Link) -> None:
    for name in link.head.without:
        if rules.pop(name, None) is None:
            raise link.fault(name, f"without: no inherited rule is called {name!r}")


def _toughen(rules: dict[str, Sourced], link: _Link) -> None:
    for name, action in link.head.actions.items():
        sourced = rules.get(name)
        if sourced is None or "allow" in (action, sourced.rule.action):
            reason = (
                "no inherited rule is called so" if sourced is None else "allow rules stay so, and others become none"
            )
            raise link.fault(name, f"actions: {name!r}: {reason}")
        rules[name] = sourced._replace(rule=sourced.rule.model_copy(update={"action": action}))


def _add(rules: dict[str, Sourced], more: Iterable[Sourced]) -> None:
    for sourced in more:
        if sourced.rule.id in rules:
            raise PackError(sourced.fault("duplicate id; give each rule its own"))
        rules[sourced.rule.id] = sourced


def _read_rules(folder: Path) -> Iterable[Sourced]:
    for file in sorted(folder.glob("rules*.toml")):
        document, source = read_form(file, _Rules)
        for rule in document.rules:
            yield Sourced(rule, file, source)


def _check_size(folder: Path, rules: Iterable[Sourced], allowed: Sequence[Allowed]) -> None:
    entries = sum(len(a.words) + len(a.stems) + len(a.phrases) for a in allowed)
    patterns = 0
    for sourced in rules:
        rule = sourced.rule
        entries += len(rule.whole) + len(rule.words) + len(rule.stems) + len(rule.parts) + len(rule.phrases)
        patterns += len(rule.patterns)
    if entries > MAX_ENTRIES or patterns > MAX_PATTERNS:
        raise PackError(
            f"{folder}:1: {entries} words and {patterns} patterns; "
            f"at most {MAX_ENTRIES} and {MAX_PATTERNS} are allowed: split the pack by game"
        )


def _check_categories(rules: Iterable[Sourced], categories: dict[str, Category]) -> None:
    faults = [
        sourced.fault(f"category {sourced.rule.category!r} is not declared under [[categories]] in pack.toml")
        for sourced in rules
        if sourced.rule.category is not None and sourced.rule.category not in categories
    ]
    if faults:
        raise PackError("\n".join(faults))
