"""Our quick measures are those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve, roc_auc_score

from model.training.calibrate import fit_temperature, softmax, thresholds_for
from model.training.metrics import (
    Bootstrap,
    auc,
    average_precision,
    calibration_error,
    macro_f1,
    precision_recall_f1,
    recall_at,
)

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=40)
QUICK = settings(max_examples=60, deadline=None)
CLASSES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


@QUICK
@given(ROWS)
def test_ranking_measures(rows: list[tuple[bool, int]]) -> None:
    toxic = np.array([flag for flag, _ in rows])
    scores = np.array([score / 12 for _, score in rows])
    if toxic.any():
        assert average_precision(toxic, scores) == pytest.approx(average_precision_score(toxic, scores))
        precisions, recalls, _ = precision_recall_curve(toxic, scores)
        assert recall_at(0.8, toxic, scores) == pytest.approx(recalls[:-1][precisions[:-1] >= 0.8].max(initial=0))
    if toxic.any() and not toxic.all():
        assert auc(toxic, scores) == pytest.approx(roc_auc_score(toxic, scores))
    else:
        assert np.isnan(auc(toxic, scores))


@QUICK
@given(CLASSES)
def test_macro_f1(rows: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(rows).T
    expected = f1_score(truth, predicted, average="macro", labels=np.unique(truth), zero_division=0)
    assert macro_f1(truth, predicted) == pytest.approx(expected)


@QUICK
@given(ROWS)
def test_precision_recall_and_f1(rows: list[tuple[bool, int]]) -> None:
    truth, chosen = np.array([flag for flag, _ in rows]), np.array([score > 6 for _, score in rows])
    _, _, f1 = precision_recall_f1(truth, chosen)
    assert f1 == pytest.approx(f1_score(truth, chosen, zero_division=0))


@QUICK
@given(ROWS)
def test_scores_that_keep_their_word_have_no_calibration_error(
    rows: list[tuple[bool, int]],
) -> None:
    truth = np.array([flag for flag, _ in rows])
    assert 0 <= calibration_error(truth, np.array([score / 12 for _, score in rows])) <= 1
    assert calibration_error(truth, truth.astype(float)) == 0


@QUICK
@given(ROWS, st.floats(0.5, 1))
def test_a_suggested_threshold_keeps_its_precision_on_the_rows_it_was_chosen_on(
    rows: list[tuple[bool, int]], wanted: float
) -> None:
    truth = np.array([[flag] for flag, _ in rows])
    scores = np.array([[score / 12] for _, score in rows])
    found = thresholds_for(wanted, scores.round(3), truth, ("insult",), least=1)
    if "insult" in found:
        caught = scores.round(3)[:, 0] >= found["insult"]
        assert truth[caught, 0].mean() >= wanted


def test_the_temperature_of_overconfident_logits_is_above_one() -> None:
    drawn = np.random.default_rng(1)
    logits = drawn.normal(size=(4_000, 3))
    truth = np.array([drawn.choice(3, p=row) for row in softmax(logits)])
    allowed = np.eye(3, dtype=bool)[truth]
    assert fit_temperature(logits, allowed) == pytest.approx(1, abs=0.1)
    assert fit_temperature(logits * 3, allowed) == pytest.approx(3, abs=0.3)


def test_a_dozen_lines_move_the_temperature_little() -> None:
    allowed = np.eye(3, dtype=np.bool_)[[0, 1, 2] * 4]
    right = np.where(allowed, 1.0, 0.0)
    assert 0.5 < fit_temperature(right, allowed) < 1
    assert 1 < fit_temperature(1 - right, allowed) < 2
    many = np.tile(allowed, (200, 1))
    assert fit_temperature(np.where(many, 1.0, 0.0), many) < 0.3


def test_an_interval_holds_the_value_and_narrows_with_rows() -> None:
    drawn = np.random.default_rng(2)
    widths = []
    for rows in (50, 2_000):
        sample = drawn.random(rows)
        found = Bootstrap(200)(lambda places, s=sample: float(s[places].mean()), rows)  # type: ignore[misc]  # the default binds the loop variable
        assert found.low <= found.value <= found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 3
