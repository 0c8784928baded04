"""Laws of rules: a text's hits are its own, a planted word is pointed at exactly, no pack file breaks the loader."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from model.normalise import align, canonical
from model.pack_files import PackError
from model.resolver import Answer, Text
from model.rules import PACKS, RulesResolver, extended, load_pack
from schemas.taxonomy import Category, Taxonomy

TAXONOMY = Taxonomy(
    name="test",
    categories=(
        Category(name="non_toxic", severity=0, description="nothing wrong"),
        Category(name="insult", severity=2, description="aimed at someone"),
    ),
)
DEFAULT = load_pack(PACKS / "default")
KIDS = load_pack(PACKS / "kids")
WORDS = ["parsnip", "turnipface", "broccoli"]


def a_pack(folder: Path, rules: bytes, allow: bytes = b"") -> Path:
    (folder / "pack.toml").write_text(
        'name = "small"\ndescription = "For tests."\n'
        'categories = [{ name = "insult", severity = 2, description = "aimed at someone" }]\n',
        encoding="utf-8",
    )
    (folder / "rules.toml").write_bytes(rules)
    (folder / "allow.toml").write_bytes(allow)
    return folder


with tempfile.TemporaryDirectory() as _folder:
    _words = ", ".join(f'"{word}"' for word in WORDS)
    _rule = f'id = "veg"\naction = "block"\ncategory = "insult"\nwords = [{_words}]\nhit = ["parsnip"]\nmiss = ["x"]\n'
    PACK = load_pack(a_pack(Path(_folder), f"[[rules]]\n{_rule}".encode()))
RESOLVER = RulesResolver({"": PACK}, extended(TAXONOMY, [PACK]))

DISGUISES: list[Callable[[str], str]] = [
    str.upper,
    str.title,
    lambda word: ".".join(word),
    lambda word: " ".join(word),
    lambda word: " - ".join(word),
    lambda word: ")".join(word),
    lambda word: "\\".join(word),
    lambda word: " > ".join(word),
    lambda word: "[" + "][".join(word) + "]",
    lambda word: "\u200b".join(word),
    lambda word: "".join(letter + "\u0335" for letter in word),
    lambda word: word.replace("o", "0").replace("i", "1"),
    lambda word: word.replace("a", "@").replace("e", "3"),
    lambda word: word.replace("a", "а").replace("o", "ο").replace("p", "р").replace("c", "с"),
    lambda word: word.replace("r", "rrrrr", 1),
    lambda word: word + 4 * word[-1],
    lambda word: word[:3] + "*" + word[3:],
    lambda word: word[:3] + "_" + word[3:],
    lambda word: "".join(chr(ord(letter) + 0xFEE0) for letter in word),
    lambda word: "".join(chr(ord(letter) - ord("a") + 0x1D41A) for letter in word),
    lambda word: "".join(chr(ord(letter) - ord("a") + 0x24D0) for letter in word),
]
FILLERS = ["push mid now", "e50 at b4!", "что это", "💻 gg", "well...", "ok, then", ""]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WORDS), st.sampled_from(DISGUISES), st.sampled_from(FILLERS), st.sampled_from(FILLERS))
def test_a_planted_word_is_pointed_at_exactly(
    word: str, disguise: Callable[[str], str], before: str, after: str
) -> None:
    shown = disguise(word)
    text = f"{before} ({shown}) {after}"
    (answer,) = RESOLVER([Text(canonical(text))])
    assert isinstance(answer, Answer)
    view = align(text)
    pointed = {text[slice(*view.span(start, end))] for start, end, _ in answer.spans}
    assert pointed == {shown}


MENDED = {
    "idoit": "idoit",
    "id iot": "id iot",
    "stoopid": "stoopid",
    "ldiot": "ldiot",
    "youidiot": "idiot",
    "idiotyouare": "idiot",
    "goKysPls": "kys",
}
"""Misspelt, split and glued words, and what of them is to be pointed at."""


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(MENDED)), st.sampled_from(["push mid now", "hm", ""]), st.sampled_from(["ok then", ""]))
def test_a_mended_word_is_pointed_at_exactly(written: str, before: str, after: str) -> None:
    text = canonical(f"{before} {written} {after}")
    assert {text[hit.start : hit.end] for hit in KIDS.find([text])[0]} == {MENDED[written]}


signs = st.sampled_from(
    ["one ", "oh, ", "nine-", "[", "]", ":", "::", "12", "2001", "db8", ".", "dot ", "gg", "/", "(dot)", "+49 "]
)
chat = st.one_of(
    st.lists(signs, max_size=14).map("".join),
    st.text(st.sampled_from("abcdeikluvmnosy fgtr.1430@ *\u200bа"), max_size=60),
    st.sampled_from(
        ["kys", "buy cheap gold at a.com", "n1gg3r", "join discord.gg/abc", "gg", "hello", "call +491701234567"]
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(chat, max_size=8))
def test_hits_do_not_depend_on_the_neighbours(texts: list[str]) -> None:
    folded = [canonical(text) for text in texts]
    together = DEFAULT.find(folded)
    alone = {number: hits for number, text in enumerate(folded) if (hits := DEFAULT.find([text]).get(0))}
    assert {number: sorted(hits) for number, hits in together.items()} == {n: sorted(h) for n, h in alone.items()}
    for number, hits in together.items():
        assert all(0 <= hit.start < hit.end <= len(folded[number]) for hit in hits)


scraps = st.sampled_from(
    ["[[rules]]\n", 'id = "a"\n', 'id = "b"\n', 'action = "block"\n', 'action = "allow"\n', 'category = "insult"\n',
     'words = ["x", ""]\n', 'words = ["x y"]\n', 'patterns = ["(a", "b"]\n', "patterns = ['a{1,999}{1,999}']\n",
     'hit = ["x"]\n', 'miss = ["y"]\n', 'whole = ["gg"]\n', 'detector = "words"\n', "at_least = 3\n", "at_least = -1\n",
     'langs = ["en"]\n', "= 3\n", "[rules]\n", "rules = [3]\n", "rules = 3\n", "x = " + "[" * 2_000 + "\n",
     'parts = ["\\u200b"]\n', "patterns = ['\\C']\n"]
)  # fmt: skip


def refusal(rules: bytes) -> str | None:
    """Load a pack and use it; returns why it was refused, if it was."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            load_pack(a_pack(Path(folder), rules)).find(["x y", "some text", ""])
        except PackError as exc:
            return str(exc).replace(folder, "FOLDER")
    return None


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(scraps, max_size=14).map("".join).map(str.encode), st.binary(max_size=60)))
def test_the_loader_takes_a_pack_or_says_where_it_fails(rules: bytes) -> None:
    reason = refusal(rules)
    assert reason is None or all("FOLDER/rules.toml" in line for line in reason.splitlines()[:1])


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_any_pattern_is_compiled_or_refused(pattern: str) -> None:
    quoted = "".join(f"\\U{ord(letter):08x}" for letter in pattern)
    rule = f'id = "p"\naction = "flag"\ncategory = "insult"\npatterns = ["{quoted}"]\nhit = ["x"]\nmiss = ["y"]\n'
    reason = refusal(f"[[rules]]\n{rule}".encode())
    assert reason is None or "FOLDER/rules.toml" in reason
    assert reason is None or "rule 'p'" in reason
