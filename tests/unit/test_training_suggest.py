"""Suggested thresholds: every category that matters has one, and whoever reads the card learns what it is worth."""

import numpy as np
import pytest

from model.training.metrics import Flags, Floats
from model.training.outputs import NOTHING, Known
from model.training.suggest import suggest
from schemas.taxonomy import ANY, Category, Taxonomy

SEVERITIES = {"non_toxic": 0, "insult": 2, "threat": 4, "report_call": 0}
NAMES = tuple(SEVERITIES)
TAXONOMY = Taxonomy(
    name="suggested",
    categories=tuple(Category(name=name, severity=severity, description=name) for name, severity in SEVERITIES.items()),
)


def scored(rows: list[tuple[str, float]]) -> tuple[Floats, Flags]:
    """Return shares and truth of rows, each a label and the share of its category; the rest is harmless."""
    shares, allowed = np.zeros((len(rows), len(NAMES))), np.zeros((len(rows), len(NAMES)), dtype=np.bool_)
    for row, (label, share) in enumerate(rows):
        place = NAMES.index(label)
        allowed[row, place] = True
        shares[row, place] += share
        shares[row, 0] += 1 - share
    return shares, allowed


CLEAN = [("non_toxic", 1.0)] * 20


def test_a_severe_category_of_few_lines_takes_the_threshold_of_the_sum() -> None:
    rows = [*CLEAN, *[("insult", 0.95)] * 20, ("threat", 0.96), ("threat", 0.97), ("report_call", 0.9)]
    found = suggest(0.9, *scored(rows), NAMES, TAXONOMY, NOTHING)
    assert found.borrowed == ("threat",)
    assert found.thresholds == {"insult": 0.95, "threat": 0.95}
    assert found.said.startswith("no threshold of their own reaches precision 0.9 on the development lines: threat;")
    assert "from 0.95 on" in found.said


def test_where_not_even_the_sum_reaches_the_precision_a_half_is_acted_on_and_told() -> None:
    rows = [*CLEAN, ("insult", 0.8), ("threat", 0.6)]
    found = suggest(0.9, *scored(rows), NAMES, TAXONOMY, NOTHING)
    assert found.borrowed == ("insult", "threat")
    assert {name: found.thresholds[name] for name in found.borrowed} == {"insult": 0.5, "threat": 0.5}
    assert ANY not in found.thresholds
    assert "insult, threat; the default policy acts on them from 0.5 on" in found.said


def test_a_few_right_lines_do_not_outvote_what_the_scores_promise() -> None:
    rows = [*CLEAN, *[("threat", 0.4)] * 2, *[("threat", 0.93)] * 2]
    assert suggest(0.9, *scored(rows), NAMES, TAXONOMY, NOTHING).thresholds["threat"] == 0.93
    rows = [*CLEAN, *[("threat", 0.4)] * 400, *[("threat", 0.93)] * 3]
    assert suggest(0.9, *scored(rows), NAMES, TAXONOMY, NOTHING).thresholds["threat"] == 0.4


def test_a_few_lines_do_not_replace_the_thresholds_of_before() -> None:
    thresholds = {"insult": 0.7, ANY: 0.6, "elsewhere": 0.1}
    before = Known(("non_toxic", "insult"), acting=frozenset(["insult"]), thresholds=thresholds)
    rows = [*CLEAN, *[("insult", 0.95)] * 40, *[("threat", 0.95)] * 9]
    found = suggest(0.9, *scored(rows), NAMES, TAXONOMY, before)
    assert found.thresholds == {"insult": 0.6, "threat": 0.6, ANY: 0.6}
    assert found.said == (
        "fewer than 50 development lines are to be acted on: the thresholds of the base stay, "
        "whatever their precision on your lines (0.9 is not applied); "
        "it has none for threat, on which the default policy acts from 0.6 on"
    )
    found = suggest(0.9, *scored([*rows, ("threat", 0.95)]), NAMES, TAXONOMY, before)
    assert found.thresholds == {"insult": 0.95, "threat": 0.95}


def test_what_the_base_knows_and_does_not_act_on_stays_without_a_threshold() -> None:
    before = Known(NAMES, acting=frozenset(["insult"]), thresholds={"insult": 0.7, ANY: 0.6})
    assert suggest(0.9, *scored([*CLEAN, ("insult", 0.9)]), NAMES, TAXONOMY, before).thresholds == {
        "insult": 0.6,
        ANY: 0.6,
    }


def test_thresholds_of_before_that_leave_a_category_out_do_not_stay() -> None:
    before = Known(("non_toxic", "insult"), acting=frozenset(["insult"]), thresholds={"insult": 0.7})
    rows = [*CLEAN, *[("insult", 0.95)] * 20, *[("threat", 0.96)] * 20]
    assert suggest(0.9, *scored(rows), NAMES, TAXONOMY, before).thresholds["insult"] == 0.95


def test_five_lines_of_a_category_do_not_make_it_act_at_almost_any_score() -> None:
    rows = [*CLEAN, *[("insult", 0.95)] * 60, *[("threat", 0.05)] * 5]
    shares, allowed = scored(rows)
    shares[:20, :2] = 0.9, 0.1
    found = suggest(0.9, shares, allowed, NAMES, TAXONOMY, NOTHING)
    assert found.borrowed == ("threat",)
    assert found.thresholds["threat"] == 0.95


def test_what_the_lines_call_part_of_the_game_is_not_acted_on() -> None:
    rows = [*CLEAN, *[("insult", 0.94)] * 20, *[("threat", 0.96)] * 20, *[("report_call", 0.9)] * 20]
    shares, allowed = scored(rows)
    allowed[:20, NAMES.index("threat")] = True
    found = suggest(0.9, shares, allowed, NAMES, TAXONOMY, NOTHING)
    assert found.borrowed == ()
    assert set(found.thresholds) - {ANY} == {"insult"}, "a clean line may be a threat here"
    assert found.said == "not acted on, as labels of the development lines mean them or non_toxic: threat"


def test_nothing_is_said_where_each_has_its_own() -> None:
    rows = [*CLEAN, *[("insult", 0.94)] * 20, *[("threat", 0.96)] * 20]
    found = suggest(0.9, *scored(rows), NAMES, TAXONOMY, NOTHING)
    assert (found.borrowed, found.said) == ((), "")
    assert found.thresholds["insult"] == pytest.approx(0.94)
    assert "report_call" not in found.thresholds
