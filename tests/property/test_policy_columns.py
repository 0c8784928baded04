"""Deciding by columns is deciding one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.policy import Circumstances, Decider, Limits, Override, Policy
from model.policy_columns import GRID, Asked, ColumnDecider
from model.resolver import Answer, Floor
from schemas.taxonomy import ANY, Category, Taxonomy
from schemas.verdict import ACTIONS, Action

NAMES = ("insult", "non_toxic", "threat", "spam")
TAXONOMY = Taxonomy(
    name="laws",
    categories=tuple(
        Category(name=name, severity=severity, description=name)
        for name, severity in zip(NAMES, (2, 0, 4, 2), strict=True)
    ),
)
GRIDDED = st.integers(0, GRID).map(lambda n: n / GRID)


@st.composite
def some_limits(draw: st.DrawFn) -> Limits:
    bounds = sorted(draw(st.lists(GRIDDED, min_size=2, max_size=2)))
    flag, block = (draw(st.sampled_from([bound, None])) for bound in bounds)
    return Limits(flag=flag, block=block)


tables = st.dictionaries(st.sampled_from((*NAMES, ANY)), some_limits(), max_size=5)
overrides = st.builds(
    Override,
    game=st.sampled_from(["a", "b"]),
    channel_kind=st.sampled_from([None, "team"]),
    lang=st.sampled_from([None, "en"]),
    thresholds=tables,
)
policies = st.builds(
    Policy,
    name=st.just("p"),
    unscored=st.sampled_from(["allow", "flag"]),
    thresholds=tables,
    overrides=st.lists(overrides, max_size=3).map(tuple),
)
actions: st.SearchStrategy[Action] = st.sampled_from(ACTIONS)
floors = st.none() | st.builds(Floor, actions, st.integers(0, len(NAMES) - 1))
scores = st.just(()) | st.tuples(*[GRIDDED] * len(NAMES))
answers = st.builds(Answer, scores, st.just("rule"), floors)
circumstances = st.builds(
    Circumstances, st.sampled_from(["a", "b", "c"]), st.sampled_from([None, "team", "all"]), st.sampled_from(["", "en"])
)


@settings(max_examples=150)
@given(policies, st.lists(st.tuples(answers, circumstances), max_size=12))
def test_columns_decide_as_one_by_one(policy: Policy, rows: list[tuple[Answer, Circumstances]]) -> None:
    decider = Decider(policy, TAXONOMY)
    known = list(dict.fromkeys(row[1] for row in rows))
    decisions = ColumnDecider(decider, TAXONOMY)(asked([row[0] for row in rows], [row[1] for row in rows]), known)
    found = [
        (ACTIONS[action], NAMES[category], TAXONOMY.severities[category])
        for action, category in zip(decisions.actions, decisions.categories, strict=True)
    ]
    assert found == [tuple(decider(answer, circumstance)) for answer, circumstance in rows]


@settings(max_examples=100)
@given(policies, st.lists(st.tuples(answers, circumstances), max_size=12))
def test_circumstances_of_a_kind_are_decided_alike(policy: Policy, rows: list[tuple[Answer, Circumstances]]) -> None:
    decider = Decider(policy, TAXONOMY)
    decide = ColumnDecider(decider, TAXONOMY)
    known = list(dict.fromkeys(row[1] for row in rows))
    kinds, kind = decide.kinds(known)
    assert set(kinds) <= set(known)
    assert len({decider.table(each) for each in known}) == len(kinds)
    each_for_itself = asked([row[0] for row in rows], [row[1] for row in rows])
    by_kind = each_for_itself._replace(circumstances=kind[each_for_itself.circumstances])
    for one, other in zip(decide(each_for_itself, known), decide(by_kind, kinds), strict=True):
        assert one.tolist() == other.tolist()


def asked(given: list[Answer], where: list[Circumstances]) -> Asked:
    known = list(dict.fromkeys(where))
    matrix = [answer.scores or (0.0,) * len(NAMES) for answer in given]
    return Asked(
        np.rint(np.array(matrix).reshape(-1, len(NAMES)) * GRID).astype(np.uint16),
        np.array([bool(answer.scores) for answer in given], np.bool_),
        np.array([ACTIONS.index(answer.floor.action) if answer.floor else 0 for answer in given], np.int64),
        np.array([answer.floor.category if answer.floor else 0 for answer in given], np.int64),
        np.array([known.index(each) for each in where], np.int64),
    )
