"""Check a pack's examples: what must match, what must not, and the action for whole messages."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.normalise import canonical
from model.pack_files import PackError, read_text
from model.resolver import Answer, Hint, Reply, Text
from model.rules import Pack, RulesResolver, extended
from model.rules_pack import Sourced, read_pack
from schemas.taxonomy import NON_TOXIC, Category, Taxonomy

EXAMPLES: Final = "examples.jsonl"
_BARE: Final = Taxonomy(
    name="rules",
    categories=(
        Category(name=NON_TOXIC, severity=0, description="nothing wrong"),
        Category(name="other", severity=0, description="what the rules say nothing about"),
    ),
)

Outcome = Literal["allow", "flag", "block", "open"]
"""The rules' result for a message; ``open`` leaves it to gate and classifier without a mark."""


class Example(BaseModel):
    """One line of ``examples.jsonl``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Annotated[str, Field(min_length=1)]
    expect: Outcome
    rule: str | None = None
    """A rule that must match."""
    lang: str = ""
    why: str = ""


class Miss(NamedTuple):
    """An example whose outcome differs from the expected one."""

    place: str
    reason: str


class Report(NamedTuple):
    """What was checked and what failed."""

    pack: str
    checked: int
    misses: tuple[Miss, ...]


def check_pack(folder: Path) -> Report:
    """Run the examples of every rule, inherited ones too, and of the pack's ``examples.jsonl``.

    Raises:
        PackError: the pack or its examples cannot be read.
    """
    source = read_pack(folder)
    pack = Pack(source)
    resolver = RulesResolver({"": pack}, extended(_BARE, [pack]))
    results = [*_rule_examples(source.rules, pack, resolver), *_messages(folder / EXAMPLES, resolver)]
    return Report(pack.name, len(results), tuple(miss for miss in results if miss is not None))


def _rule_examples(rules: Iterable[Sourced], pack: Pack, resolver: RulesResolver) -> Iterator[Miss | None]:
    for sourced in rules:
        rule = sourced.rule
        lang = rule.langs[0] if rule.langs else ""
        for example in (*rule.hit, *rule.miss):
            text = canonical(example)
            reply = resolver([Text(text, lang)])[0]
            hit = pack.allowed_texts.get(text) == rule.id if rule.action == "allow" else rule.id in _hitting(reply)
            if hit == (example in rule.hit):
                yield None
            else:
                wanted = "must hit but does not" if example in rule.hit else "must not hit but does"
                place, _, reason = sourced.fault(f"{example!r} {wanted}", example).partition(": ")
                yield Miss(place, reason)


def _messages(file: Path, resolver: RulesResolver) -> Iterator[Miss | None]:
    for number, line in enumerate(_lines(file), 1):
        if not line.strip():
            continue
        place = f"{file}:{number}"
        try:
            example = Example.model_validate_json(line)
        except ValidationError as exc:
            fault = exc.errors(include_url=False, include_context=False, include_input=False)[0]
            key = ".".join(map(str, fault["loc"])) or "line"
            raise PackError(f"{place}: {key}: {fault['msg']}") from exc
        yield _judged(example, place, resolver)


def _judged(example: Example, place: str, resolver: RulesResolver) -> Miss | None:
    reply = resolver([Text(canonical(example.text), example.lang)])[0]
    found, rules = outcome(reply), _hitting(reply)
    if found != example.expect:
        by = f" (by {', '.join(sorted(rules))})" if rules else ""
        return Miss(place, f"{example.text!r}: expected {example.expect}, got {found}{by}")
    if example.rule is not None and example.rule not in rules:
        return Miss(place, f"{example.text!r}: rule {example.rule!r} does not hit")
    return None


def outcome(reply: Reply) -> Outcome:
    """Return the outcome of a reply of the rules."""
    if isinstance(reply, Hint):
        return "flag"
    if isinstance(reply, Answer):
        return "block" if reply.floor else "allow"
    return "open"


def _hitting(reply: Reply) -> set[str]:
    return {span.rule for span in reply.spans} if isinstance(reply, Answer | Hint) else set()


def _lines(file: Path) -> list[str]:
    try:
        return read_text(file).split("\n") if file.exists() else []
    except OSError as exc:
        raise PackError(f"{file}: {exc}") from exc
