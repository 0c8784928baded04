"""What is acted on, told for many scores at once, is what the policy decides; suggestions keep their precision."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.policy import Circumstances, Decider, Limits, Policy
from model.resolver import Answer
from model.training.acting import acted_on, with_together
from model.training.calibrate import thresholds_for, together_for
from model.training.gate_measure import distances
from schemas.taxonomy import ANY, Category, Taxonomy
from schemas.verdict import SCORE_DECIMALS

GRID = 10**SCORE_DECIMALS
NAMES = ("non_toxic", "insult", "profanity", "hate")
TAXONOMY = Taxonomy(
    name="laws",
    categories=tuple(Category(name=name, severity=place, description=name) for place, name in enumerate(NAMES)),
)
GRIDDED = st.integers(0, GRID).map(lambda n: n / GRID)
LIMITS = st.dictionaries(st.sampled_from((*NAMES[1:], ANY)), st.integers(1, GRID).map(lambda n: n / GRID), min_size=1)
LABELLED = st.lists(st.tuples(st.sampled_from([0, 0, 1, 2]), *[st.integers(0, 300)] * 3), min_size=1, max_size=40)
SCORES = st.lists(st.tuples(*[GRIDDED] * len(NAMES)), min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(LIMITS, SCORES)
def test_what_is_acted_on_is_what_the_policy_does_not_allow(
    limits: dict[str, float], rows: list[tuple[float, ...]]
) -> None:
    policy = Policy(name="p", thresholds={name: Limits(flag=limit) for name, limit in limits.items()})
    decide = Decider(policy, TAXONOMY)
    allowed = [decide(Answer(row, "classifier"), Circumstances("g", None, "")).action == "allow" for row in rows]
    acted = acted_on(np.array(rows), limits, NAMES)
    assert (~acted).tolist() == allowed


@settings(max_examples=200, deadline=None)
@given(LIMITS.map(lambda limits: {name: min(max(limit, 0.002), 0.998) for name, limit in limits.items()}), SCORES)
def test_a_text_is_acted_on_where_one_of_its_distances_is_not_below_zero(
    limits: dict[str, float], rows: list[tuple[float, ...]]
) -> None:
    scores = np.array(rows)
    near = np.isclose(distances(scores, limits, NAMES), 0, atol=1e-9).any(axis=1)
    beyond = distances(scores, limits, NAMES).max(axis=1) >= 0
    acted = acted_on(scores, limits, NAMES)
    assert (beyond == acted)[~near].all()
    assert acted[near].all()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0, 0, 1, 2]), *[st.integers(0, 300)] * 3), min_size=1, max_size=40),
    st.floats(0.5, 1),
)
def test_all_that_suggested_thresholds_act_on_has_the_precision(
    drawn: list[tuple[int, int, int, int]], wanted: float
) -> None:
    label = np.array([row[0] for row in drawn])
    scores = np.array([row[1:] for row in drawn]) / GRID
    truth = np.stack([label == place for place in range(3)], axis=1)
    names = NAMES[:3]
    own = thresholds_for(wanted, scores[:, 1:], truth[:, 1:], names[1:], least=1)
    together = together_for(wanted, scores, label > 0, own, names, least=1)
    if together is not None:
        acted = acted_on(scores, with_together(own, together), names)
        assert (label > 0)[acted].mean() >= wanted
        assert acted.sum() > acted_on(scores, own, names).sum()
