"""Rules: what they answer, where they point, and how a broken pack is refused."""

from pathlib import Path

import pytest

from model.normalise import canonical
from model.pack_files import PackError
from model.policy import Circumstances, Limits, Policy
from model.resolver import Answer, Floor, Hint, Text
from model.rules import PACKS, Pack, RulesResolver, extended, load_pack, load_packs, strange, with_packs
from model.rules_check import check_pack
from schemas.taxonomy import Category, Taxonomy

TAXONOMY = Taxonomy(
    name="test",
    categories=(
        Category(name="non_toxic", severity=0, description="nothing wrong"),
        Category(name="insult", severity=2, description="aimed at someone"),
        Category(name="spam", severity=1, description="adverts"),
    ),
)
HEAD = """
name = "small"
description = "A pack for tests."
categories = [
  { name = "insult", severity = 2, description = "aimed at someone" },
  { name = "spam", severity = 1, description = "adverts" },
  { name = "rude", severity = 4, description = "only rules know it" },
]
"""
RULES = """
[[rules]]
id = "turnip"
action = "block"
category = "insult"
words = ["turnip"]
stems = ["rutabag"]
phrases = ["rotten apple", "大头菜", "kohl"]
hit = ["turnip"]
miss = ["tulip"]

[[rules]]
id = "advert"
action = "flag"
category = "spam"
patterns = ['\\bbuy \\d+ gems\\b']
hit = ["buy 9 gems"]
miss = ["buy gems"]

[[rules]]
id = "blunt"
action = "flag"
category = "rude"
parts = ["oaf"]
hit = ["oaf"]
miss = ["oak"]

[[rules]]
id = "harmless"
action = "allow"
whole = ["good game", "spotted a turnipfield"]
hit = ["Good  game"]
miss = ["good game oaf"]
"""


def a_folder(tmp_path: Path, rules: str = RULES, head: str = HEAD, allow: str = 'words = ["loaf", "oafish"]') -> Path:
    (tmp_path / "pack.toml").write_text(head, encoding="utf-8")
    (tmp_path / "rules.toml").write_text(rules, encoding="utf-8")
    (tmp_path / "allow.toml").write_text(allow, encoding="utf-8")
    return tmp_path


def a_resolver(pack: Pack) -> RulesResolver:
    return RulesResolver({"": pack}, extended(TAXONOMY, [pack]))


def test_a_blocking_rule_settles_the_text_and_points_at_the_words(tmp_path: Path) -> None:
    (answer,) = a_resolver(load_pack(a_folder(tmp_path)))([Text("you turnip, you rutabagas")])
    assert isinstance(answer, Answer)
    assert answer.scores == (0.0, 1.0, 0.0, 0.0)
    assert answer.floor == Floor("block", 1)
    assert [(span.start, span.end, span.rule) for span in answer.spans] == [(4, 10, "turnip"), (16, 25, "turnip")]


def test_a_flagging_rule_leaves_the_text_open(tmp_path: Path) -> None:
    mixed, open_text = a_resolver(load_pack(a_folder(tmp_path)))([Text("buy 12 gems you oaf"), Text("hello")])
    assert isinstance(mixed, Hint)
    assert mixed.floor == Floor("flag", 3), "the severer category decides"
    assert [span.rule for span in mixed.spans] == ["advert", "blunt"]
    assert open_text is None


def test_an_allowed_text_is_allowed_as_a_whole_only(tmp_path: Path) -> None:
    whole, part = a_resolver(load_pack(a_folder(tmp_path)))([Text("good game"), Text("good game turnip")])
    assert isinstance(whole, Answer)
    assert whole.scores == (1.0, 0.0, 0.0, 0.0)
    assert whole.floor is None
    assert isinstance(part, Answer)
    assert part.floor == Floor("block", 1)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("you turnip", "turnip"),
        ("T.u.r.n.i.p", "t.u.r.n.i.p"),
        ("t u r n i p !", "t u r n i p"),
        ("a turniiiip?", "turniiiip"),
        ("tυrnіp", "tυrnіp"),
        ("turn1p", "turn1p"),
        ("tur\u200bnip", "turnip"),
        ("rotten, apple", "rotten, apple"),
        ("rottenapple", "rottenapple"),
        ("xx rutabagas", "rutabagas"),
        ("turnip22", "turnip"),
        ("2turnip2x", "turnip"),
        ("你是turnip吗", "turnip"),
        ("이turnip이다", "turnip"),
        ("你是rutabagas好", "rutabagas"),
        ("你是大头菜吗", "大头菜"),
        ("1kohl2", "kohl"),
    ],
)
def test_disguises_are_seen_through_to_the_exact_place(tmp_path: Path, text: str, shown: str) -> None:
    (answer,) = a_resolver(load_pack(a_folder(tmp_path)))([Text(canonical(text))])
    assert isinstance(answer, Answer)
    assert {canonical(text)[span.start : span.end] for span in answer.spans} == {shown}


@pytest.mark.parametrize(
    "text", ["a loaf of bread", "oafish", "turnips", "kohl2rabi", "a turnover", "return ip", "rotten to the apple"]
)
def test_ordinary_words_pass(tmp_path: Path, text: str) -> None:
    assert a_resolver(load_pack(a_folder(tmp_path)))([Text(text)]) == [None]


def test_an_allowed_word_hides_nothing_beside_it(tmp_path: Path) -> None:
    (hint,) = a_resolver(load_pack(a_folder(tmp_path)))([Text("loaf oaf")])
    assert isinstance(hint, Hint)
    assert [(span.start, span.end) for span in hint.spans] == [(5, 8)]


def test_a_rule_for_one_language_leaves_the_others_alone(tmp_path: Path) -> None:
    rules = RULES.replace('words = ["turnip"]', 'words = ["turnip"]\nlangs = ["de"]')
    resolver = a_resolver(load_pack(a_folder(tmp_path, rules)))
    german, unknown = resolver([Text("turnip", "de"), Text("turnip")])
    assert isinstance(german, Answer)
    assert unknown is None


LINK = """
[[rules]]
id = "link"
action = "flag"
category = "spam"
as_written = true
detector = "link"
except_sites = ["game.com"]
hit = ["x.org"]
miss = ["x"]
"""


@pytest.mark.parametrize(
    "text",
    [
        "agame.com",
        "game.com.example.ru/login",
        "https://game.com@example.ru",
        "example.ru/game.com",
        "www.feed.com",
        "feed.com/x",
        "porn.com",
    ],
)
def test_a_link_is_what_leads_elsewhere(tmp_path: Path, text: str) -> None:
    (reply,) = a_resolver(load_pack(a_folder(tmp_path, LINK)))([Text(text)])
    assert isinstance(reply, Hint)


@pytest.mark.parametrize(
    "text", ["see game.com", "https://www.game.com/shop?a=b", "http://forum.game.com#top", "feed.com this pudge"]
)
def test_an_excepted_site_and_an_everyday_word_are_no_link(tmp_path: Path, text: str) -> None:
    assert a_resolver(load_pack(a_folder(tmp_path, LINK)))([Text(text)]) == [None]


def test_the_digest_follows_what_decides_and_nothing_else(tmp_path: Path) -> None:
    before = load_pack(a_folder(tmp_path)).digest
    assert load_pack(a_folder(tmp_path, RULES.replace('hit = ["oaf"]', 'hit = ["oafs"]'))).digest == before
    assert load_pack(a_folder(tmp_path, RULES.replace('parts = ["oaf"]', 'parts = ["oafs"]'))).digest != before


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("buy \\d+ gems", "(?<=x)buy", ["rules.toml:16", "rule 'advert'", "look-around"]),
        ("buy \\d+ gems", "(a)\\1", ["rules.toml", "rule 'advert'", "back-references"]),
        ("\\bbuy \\d+ gems\\b", "(?:a{500}){500}", ["rule 'advert'", "lower the repetition counts"]),
        ("\\bbuy \\d+ gems\\b", "a*", ["rule 'advert'", "matches the empty text"]),
        ("\\bbuy \\d+ gems\\b", "a)|(b", ["rule 'advert'", "pattern"]),
        ('category = "spam"', 'category = "stew"', ["rules.toml:13", "rule 'advert'", "'stew' is not declared"]),
        ('parts = ["oaf"]', 'parts = ["*!*"]', ["rule 'blunt'", "no letter or digit"]),
        ('id = "blunt"', 'id = "advert"', ["rule 'advert'", "duplicate id"]),
        ('action = "allow"', 'action = "alow"', ["rule 'harmless'", "action"]),
        ("[[rules]]", "[[rulez]]", ["rules.toml", "rules"]),
        ('"good game"', '"good turnip"', ["rules.toml:3", "'good turnip'", "'harmless' allows"]),
        ('category = "spam"', "category = ", ["rules.toml", "line 15"]),
        (RULES, "rules = [3]", ["rules.toml:1: rule 'number 1'"]),
        ('miss = ["oak"]', 'miss = ["oaf"]', ["rules.toml:21", "rule 'blunt'", "'oaf' is under both 'hit' and"]),
        ("\\bbuy \\d+ gems\\b", "buy Gems", ["rules.toml:16", "rule 'advert'", "use lower case"]),
        ('parts = ["oaf"]', 'parts = ["😀"]', ["rules.toml:24", "look for signs with a pattern"]),
        ('words = ["turnip"]', 'except_sites = ["a.b"]', ["rules.toml:3", "rule 'turnip'", "the detector 'link'"]),
    ],
)
def test_a_broken_pack_is_refused_with_place_and_reason(tmp_path: Path, old: str, new: str, says: list[str]) -> None:
    assert old in RULES
    folder = a_folder(tmp_path, RULES.replace(old, new))
    with pytest.raises(PackError) as refusal:
        load_pack(folder)
    for words in says:
        assert words in str(refusal.value)


@pytest.mark.parametrize(
    "pattern", [r"\bbuy\W\d+\S*", "[A-Za-z]+ gems", r"\pL+ \p{L}x", "(?i)GEMS", "(?P<Of>gems)", r"\x{2A}9"]
)
def test_capitals_that_stand_for_no_letter_are_taken(tmp_path: Path, pattern: str) -> None:
    load_pack(a_folder(tmp_path, RULES.replace("\\bbuy \\d+ gems\\b", pattern)))


def test_what_is_said_of_an_inherited_rule_is_refused_with_its_line(tmp_path: Path) -> None:
    for line in ('without = ["nosuch"]', 'actions = { nosuch = "block" }'):
        with pytest.raises(PackError, match=r"pack\.toml:3: (without|actions)"):
            load_pack(a_folder(tmp_path, head='name = "own"\nextends = "moba"\n' + line + '\ndescription = "d"'))


def test_files_may_begin_with_a_mark_and_end_their_lines_as_they_like(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder / "examples.jsonl").write_text('{"text": "a\u2028turnip", "expect": "block"}\n', encoding="utf-8")
    before = check_pack(folder)
    for file in folder.iterdir():
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert check_pack(folder) == before
    assert before.misses == ()


def test_no_category_of_a_pack_is_called_as_what_stands_for_several(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, RULES.replace('"rude"', '"any"'), HEAD.replace('"rude"', '"any"'))
    with pytest.raises(PackError, match="'any' is no name for a category"):
        load_pack(folder)


def test_a_pack_builds_on_another(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "own").mkdir()
    a_folder(tmp_path / "base")
    head = 'name = "own"\ndescription = "One game."\nextends = "../base"\nwithout = ["blunt"]\n'
    more = RULES.split("[[rules]]")[1].replace("turnip", "swede").replace("rutabag", "neep")
    (tmp_path / "own" / "pack.toml").write_text(head, encoding="utf-8")
    (tmp_path / "own" / "rules.toml").write_text("[[rules]]" + more, encoding="utf-8")
    pack = load_pack(tmp_path / "own")
    assert [rule.id for rule in pack.rules] == ["turnip", "advert", "harmless", "swede"]
    (tmp_path / "base" / "pack.toml").write_text(HEAD + 'extends = "../own"\n', encoding="utf-8")
    with pytest.raises(PackError, match="nested more than"):
        load_pack(tmp_path / "own")


@pytest.mark.parametrize("name", ["default", "kids", "moba", "shooter"])
def test_each_shipped_pack_keeps_its_examples(name: str) -> None:
    report = check_pack(PACKS / name)
    assert report.misses == ()
    assert report.checked > 100


def test_packs_are_loaded_by_name_or_folder_and_put_their_thresholds_under_the_policy(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder / "thresholds.toml").write_text("[thresholds.insult]\nflag = 0.2\n[thresholds.nosuch]\n", encoding="utf-8")
    by_game = {"tanks": str(folder)}
    packs = load_packs(by_game)
    assert set(packs) == {"default", str(folder), ""}
    assert packs[""] is packs["default"]
    policy = with_packs(Policy(name="test", thresholds={"insult": Limits(flag=0.5)}), packs, by_game, TAXONOMY)
    assert strange(packs[str(folder)], TAXONOMY) == ["nosuch"]
    assert "nosuch" not in policy.limits(Circumstances("tanks", None, ""))
    assert policy.limits(Circumstances("tanks", None, ""))["insult"] == Limits(flag=0.2)
    assert policy.limits(Circumstances("other", None, ""))["insult"] == Limits(flag=0.5)
    with pytest.raises(PackError, match="nowhere"):
        load_packs({"tanks": "nowhere"})
