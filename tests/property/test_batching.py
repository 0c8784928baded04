from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model.batching import plan_packed, plan_padded

LENGTHS = st.lists(st.integers(1, 80), max_size=60)
BUDGETS = st.integers(1, 400)
SLACKS = st.integers(0, 20)


@given(LENGTHS, BUDGETS, SLACKS)
def test_every_row_is_in_exactly_one_batch(lengths: list[int], budget: int, slack: int) -> None:
    batches = plan_padded(lengths, budget, slack)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(batches)


@given(LENGTHS, BUDGETS, SLACKS)
def test_padded_tokens_stay_within_the_budget_unless_one_row_alone_exceeds_it(
    lengths: list[int], budget: int, slack: int
) -> None:
    for batch in plan_padded(lengths, budget, slack):
        padded = len(batch) * max(lengths[index] for index in batch)
        assert padded <= budget or len(batch) == 1


@given(LENGTHS, BUDGETS, SLACKS)
def test_rows_of_a_batch_differ_by_the_slack_at_most(lengths: list[int], budget: int, slack: int) -> None:
    for batch in plan_padded(lengths, budget, slack):
        own = [lengths[index] for index in batch]
        assert max(own) - min(own) <= slack


@given(LENGTHS, BUDGETS, SLACKS)
def test_rows_go_by_length(lengths: list[int], budget: int, slack: int) -> None:
    for batches in (plan_padded(lengths, budget, slack), plan_packed(lengths, budget)):
        ordered = [lengths[index] for batch in batches for index in batch]
        assert ordered == sorted(ordered)


@given(st.integers(1, 50), st.integers(1, 20))
def test_no_two_neighbouring_batches_would_have_fitted_together(rows: int, length: int) -> None:
    batches = plan_padded([length] * rows, 100, 0)
    for left, right in pairwise(batches):
        assert (len(left) + len(right)) * length > 100


@given(LENGTHS, BUDGETS)
def test_every_packed_row_is_in_exactly_one_batch(lengths: list[int], budget: int) -> None:
    batches = plan_packed(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert all(batches)


@given(LENGTHS, BUDGETS)
def test_packed_batches_are_even_and_no_more_than_the_budget_asks_for(lengths: list[int], budget: int) -> None:
    batches = [[lengths[index] for index in batch] for batch in plan_packed(lengths, budget)]
    asked_for = -(-sum(lengths) // budget)
    assert len(batches) <= asked_for
    for batch in batches:
        share = sum(lengths) / asked_for
        assert sum(batch) - share <= max(batch)
        assert share - sum(batch) <= max(lengths)


@given(LENGTHS)
def test_with_the_smallest_budget_every_packed_row_is_alone(lengths: list[int]) -> None:
    assert all(len(batch) == 1 for batch in plan_packed(lengths, 1))
