"""Laws of the fold over resolvers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from model.resolver import Answer, Floor, Hint, Poison, Reply, Resolver, Text, resolve
from schemas.verdict import ResolvedBy

TEXTS = st.lists(st.sampled_from([Text(word) for word in "abcdefgh"]), max_size=30)
REPLIES = st.sampled_from(["answer", "hint", "silent"])
BEHAVIOURS = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), REPLIES), max_size=4)


@dataclass
class Scripted:
    """Replies as told, and keeps what it was asked."""

    number: int
    behaviour: dict[str, str]
    kind: ResolvedBy = "rule"
    asked: list[Text] = field(default_factory=list)

    def __call__(self, texts: Sequence[Text], /) -> list[Reply]:
        self.asked.extend(texts)
        return [self._reply(text) for text in texts]

    def _reply(self, text: Text) -> Reply:
        match self.behaviour.get(text.canonical):
            case "answer":
                return Answer((float(self.number),), self.kind)
            case "hint":
                return Hint(Floor("flag", self.number), ())
            case "poison":
                return Poison("broken")
            case _:
                return None


@dataclass
class Memory(Scripted):
    """A resolver that keeps answers."""

    kept: dict[Text, Answer] = field(default_factory=dict)

    def remember(self, answers: dict[Text, Answer], /) -> None:
        self.kept.update(answers)


@given(TEXTS, BEHAVIOURS)
def test_every_text_is_answered_by_the_first_that_knows(texts: list[Text], behaviours: list[dict[str, str]]) -> None:
    chain: list[Resolver] = [Scripted(number, behaviour) for number, behaviour in enumerate(behaviours)]
    outcomes = resolve(texts, chain)
    assert len(outcomes) == len(texts)
    for text, outcome in zip(texts, outcomes, strict=True):
        said = [behaviour.get(text.canonical) for behaviour in behaviours]
        assert isinstance(outcome, Answer)
        assert outcome.scores == ((float(said.index("answer")),) if "answer" in said else ())
        before = said[: said.index("answer")] if "answer" in said else said
        hints = [number for number, word in enumerate(before) if word == "hint"]
        assert outcome.floor == (Floor("flag", hints[-1]) if hints else None)


@given(TEXTS, BEHAVIOURS)
def test_each_resolver_is_asked_once_about_each_open_text(texts: list[Text], behaviours: list[dict[str, str]]) -> None:
    chain = [Scripted(number, behaviour) for number, behaviour in enumerate(behaviours)]
    resolve(texts, chain)
    still_open = set(texts)
    for resolver in chain:
        assert len(resolver.asked) == len(set(resolver.asked))
        assert set(resolver.asked) == still_open
        still_open = {text for text in still_open if resolver.behaviour.get(text.canonical) != "answer"}


@given(TEXTS, TEXTS)
def test_a_text_is_answered_the_same_whatever_stands_beside_it(texts: list[Text], others: list[Text]) -> None:
    chain: list[Resolver] = [Scripted(0, {"a": "hint"}), Scripted(1, {"a": "answer", "b": "answer"})]
    alone = resolve(texts, chain)
    assert resolve(texts + others, chain)[: len(texts)] == alone


@given(TEXTS)
def test_a_memory_is_given_what_others_found_after_it(texts: list[Text]) -> None:
    memory = Memory(0, {"a": "answer"})
    resolve(texts, [memory, Scripted(1, {"b": "answer", "c": "hint"})])
    assert set(memory.kept) == {text for text in texts if text.canonical == "b"}


@given(TEXTS)
def test_hints_change_answers_and_their_memory_but_no_poison(texts: list[Text]) -> None:
    memory = Memory(0, {})
    hinting = Scripted(1, dict.fromkeys("abc", "hint"))
    outcomes = resolve(texts, [memory, hinting, Scripted(2, {"a": "answer", "b": "poison", "d": "answer"})])
    floor = Floor("flag", 1)
    expected = {
        "a": Answer((2.0,), "rule", floor),
        "b": Poison("broken"),
        "c": Answer((), "rule", floor),
        "d": Answer((2.0,), "rule"),
    }
    assert outcomes == [expected.get(text.canonical, Answer((), "rule")) for text in texts]
    assert memory.kept == {text: expected[text.canonical] for text in texts if text.canonical in "ad"}
