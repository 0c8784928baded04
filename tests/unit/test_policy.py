"""The policy: scores and circumstances to an action, and errors that name the key and the line."""

from pathlib import Path

import pytest

from model.policy import Circumstances, Decider, Limits, Override, Policy, PolicyError
from model.resolver import Answer, Floor
from schemas.taxonomy import ANY, Category, Taxonomy

TAXONOMY = Taxonomy(
    name="test",
    categories=(
        Category(name="non_toxic", severity=0, description="nothing wrong"),
        Category(name="insult", severity=2, description="aimed at someone"),
        Category(name="threat", severity=4, description="real harm"),
        Category(name="taunt", severity=1, description="gloating"),
    ),
)
ANYWHERE = Circumstances("default", None, "")


def a_decider(*overrides: Override) -> Decider:
    thresholds = {"insult": Limits(flag=0.5, block=0.9), "threat": Limits(flag=0.3, block=0.6)}
    return Decider(Policy(name="test", thresholds=thresholds, overrides=overrides), TAXONOMY)


def answer(*scores: float, floor: Floor | None = None) -> Answer:
    return Answer(scores, "classifier", floor)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.9, 0.1, 0.0, 0.0), ("allow", "non_toxic", 0)),
        ((0.5, 0.499, 0.0, 0.0), ("allow", "non_toxic", 0)),
        ((0.5, 0.5, 0.0, 0.0), ("flag", "insult", 2)),
        ((0.1, 0.9, 0.0, 0.0), ("block", "insult", 2)),
        ((0.0, 0.6, 0.4, 0.0), ("flag", "threat", 4)),  # same action: the severer category decides
        ((0.0, 0.9, 0.4, 0.0), ("block", "insult", 2)),  # the severer action decides
        ((0.0, 0.0, 0.0, 1.0), ("allow", "non_toxic", 0)),  # a category without limits never acts
    ],
)
def test_thresholds_are_inclusive_and_the_severest_wins(
    scores: tuple[float, ...], expected: tuple[str, str, int]
) -> None:
    assert a_decider()(answer(*scores), ANYWHERE) == expected


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ((0.4, 0.4, 0.2, 0.0), ("flag", "insult", 2)),  # the likeliest of them decides
        ((0.4, 0.3, 0.3, 0.0), ("flag", "threat", 4)),  # a limit of its own, and the severer
        ((0.5, 0.35, 0.15, 0.0), ("allow", "non_toxic", 0)),
        ((0.0, 0.49, 0.29, 0.22), ("flag", "insult", 2)),
        ((0.1, 0.45, 0.0, 0.45), ("allow", "non_toxic", 0)),  # what has no limits is no part of the sum
        ((0.3, 0.1, 0.2, 0.4), ("allow", "non_toxic", 0)),
        ((0.05, 0.65, 0.3, 0.0), ("block", "insult", 2)),
        ((0.25, 0.349, 0.2, 0.2), ("allow", "non_toxic", 0)),
    ],
)
def test_any_limits_what_the_acting_categories_come_to_together(
    scores: tuple[float, ...], expected: tuple[str, str, int]
) -> None:
    thresholds = {
        "insult": Limits(flag=0.5, block=0.9),
        "threat": Limits(flag=0.3),
        "taunt": Limits(),
        ANY: Limits(flag=0.6, block=0.95),
    }
    assert Decider(Policy(name="test", thresholds=thresholds), TAXONOMY)(answer(*scores), ANYWHERE) == expected


def test_any_counts_on_the_published_grid() -> None:
    thresholds = {"insult": Limits(flag=0.8), "threat": Limits(flag=0.8), ANY: Limits(flag=0.8)}
    assert 0.1 + 0.7 < 0.8
    decider = Decider(Policy(name="test", thresholds=thresholds), TAXONOMY)
    assert decider(answer(0.2, 0.1, 0.7, 0.0), ANYWHERE).action == "flag"


def test_any_acts_on_no_category_below_its_own_limit() -> None:
    thresholds = {
        "insult": Limits(flag=0.4),
        "threat": Limits(block=0.5),
        "taunt": Limits(flag=0.8),
        ANY: Limits(flag=0.5),
    }
    decider = Decider(Policy(name="test", thresholds=thresholds), TAXONOMY)
    assert decider(answer(0.2, 0.0, 0.05, 0.75), ANYWHERE).action == "allow"
    assert decider(answer(0.2, 0.35, 0.1, 0.35), ANYWHERE).action == "allow"
    assert decider(answer(0.2, 0.35, 0.15, 0.3), ANYWHERE) == ("flag", "insult", 2)
    assert decider(answer(0.1, 0.05, 0.05, 0.8), ANYWHERE) == ("flag", "taunt", 1)


def test_any_follows_overrides_and_counts_nothing_where_no_category_acts() -> None:
    thresholds = {"insult": Limits(flag=0.5), "threat": Limits(flag=0.5), ANY: Limits(flag=0.5)}
    lenient = Override(game="arena", thresholds={ANY: Limits()})
    blind = Override(game="sandbox", thresholds={"insult": Limits(), "threat": Limits()})
    decider = Decider(Policy(name="test", thresholds=thresholds, overrides=(lenient, blind)), TAXONOMY)
    given = answer(0.3, 0.35, 0.35, 0.0)
    games = ("default", "arena", "sandbox")
    assert [decider(given, Circumstances(game, None, "")).action for game in games] == ["flag", "allow", "allow"]


def test_a_rules_floor_cannot_be_undercut_but_can_be_exceeded() -> None:
    decider = a_decider()
    flagged = Floor("flag", 3)
    assert decider(answer(1.0, 0.0, 0.0, 0.0, floor=flagged), ANYWHERE) == ("flag", "taunt", 1)
    assert decider(answer(0.0, 0.95, 0.0, 0.0, floor=flagged), ANYWHERE) == ("block", "insult", 2)


@pytest.mark.parametrize(
    ("circumstances", "action"),
    [
        (Circumstances("kids", None, ""), "block"),
        (Circumstances("kids", "team", "de"), "allow"),  # the later override wins
        (Circumstances("other", "team", "de"), "flag"),  # every condition must hold
    ],
)
def test_overrides_apply_when_all_their_conditions_hold(circumstances: Circumstances, action: str) -> None:
    kids = Override(game="kids", thresholds={"insult": Limits(flag=0.1, block=0.2)})
    german = Override(game="kids", lang="de", channel_kind="team", thresholds={"insult": Limits()})
    assert a_decider(kids, german)(answer(0.4, 0.6, 0.0, 0.0), circumstances).action == action


def test_unscored_messages_pass_or_are_flagged_as_the_policy_says() -> None:
    unscored = Answer((), "classifier")
    assert a_decider()(unscored, ANYWHERE).action == "allow"
    strict = Policy(name="strict", unscored="flag", thresholds={})
    assert Decider(strict, TAXONOMY)(unscored, ANYWHERE) == ("flag", "non_toxic", 0)


def test_the_digest_follows_what_decides_and_nothing_else() -> None:
    thresholds = {"insult": Limits(flag=0.5)}
    base = Policy(name="a", thresholds=thresholds)
    assert base.digest == Policy(name="b", thresholds=thresholds).digest
    assert base.digest != Policy(name="a", thresholds={"insult": Limits(flag=0.51)}).digest
    assert base.digest != Policy(name="a", unscored="flag", thresholds=thresholds).digest


def test_unknown_categories_are_named_with_the_known_ones() -> None:
    policy = Policy(name="p", thresholds={"rudeness": Limits(flag=0.5)})
    with pytest.raises(PolicyError, match=r"^thresholds\.rudeness: unknown category; known: non_toxic, .*, any$"):
        Decider(policy, TAXONOMY)


FILE = """name = "mine"

[thresholds.insult]
flag = 0.5
block = 0.9
[thresholds]
threat = { flag = 0.3, block = 0.6 }
taunts = { flag = 0.9 }

[[overrides]]
game = "kids"
thresholds.insult = { flag = 0.1 }

[[overrides]]
game = "arena"
[overrides.thresholds.rude]
flag = 0.1
"""


def test_unknown_categories_of_a_file_have_their_lines_whatever_rule_packs_bring(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(FILE)
    policy = Policy.from_toml(path)
    brought = Override(game="arena", thresholds={"insult": Limits(flag=0.4)})
    for read in (policy, policy.model_copy(update={"overrides": (brought, *policy.overrides)})):
        with pytest.raises(PolicyError) as caught:
            Decider(read, TAXONOMY)
        taunts, rude = str(caught.value).splitlines()
        assert taunts.startswith(f"{path}:8: thresholds.taunts: unknown category; did you mean taunt?")
        assert rude.startswith(f"{path}:16: overrides.1.thresholds.rude: unknown category; known: non_toxic")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("flag = 1.5", r"policy\.toml:7: thresholds\.threat\.flag: .*less than or equal to 1"),
        ("flag = true", r"policy\.toml:7: thresholds\.threat\.flag: .*valid number"),
        ('flag = "high"', r"policy\.toml:7: thresholds\.threat\.flag: .*valid number"),
        ("blok = 0.5", r"policy\.toml:7: thresholds\.threat\.blok: .*not permitted"),
        (
            "flag = 0.9\nblock = 0.5",
            r"policy\.toml:8: thresholds\.threat\.block: block \(0\.5\) must not be below flag",
        ),
        (
            "block = 0.5\nflag = 0.9",
            r"policy\.toml:7: thresholds\.threat\.block: block \(0\.5\) must not be below flag",
        ),
        ("[[overrides]]\nthresholds = {}", r"policy\.toml:7: overrides\.0: an override needs at least one of game"),
        ("[[overrides]]\nlang = 'EN'\nthresholds = {}", r"policy\.toml:8: overrides\.0\.lang: .*pattern"),
        ("[[overrides]]\nlang = 'en'", r"policy\.toml:7: overrides\.0\.thresholds: Field required"),
        ("flag = ", r"policy\.toml: not TOML: .*line 7"),
        ("flag = 0.1\nflag = 0.2", r"policy\.toml: not TOML: .*line 8"),
    ],
)
def test_errors_name_the_file_the_line_and_the_key(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f'name = "bad"\n# flag, block\n\n[thresholds.insult]\nflag = 0.5\n[thresholds.threat]\n{line}\n')
    with pytest.raises(PolicyError, match=message):
        Policy.from_toml(path)


def test_a_policy_that_is_no_text_or_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(b'name = "one"\n# caf\xe9\n')
    with pytest.raises(PolicyError, match=r"policy\.toml:2: not UTF-8"):
        Policy.from_toml(path)
    with pytest.raises(PolicyError, match=r"nowhere\.toml: No such file"):
        Policy.from_toml(tmp_path / "nowhere.toml")


def test_an_override_without_a_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one of game, channel_kind, lang"):
        Override(thresholds={})
