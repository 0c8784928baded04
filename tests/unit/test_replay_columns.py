"""Codes in columns: numbered as they come, and told apart with or without sorting."""

import numpy as np
import pytest

from stream.replay.history.columns import Numbers, distinct


def test_things_are_numbered_as_they_come() -> None:
    numbers = Numbers[str]()
    assert [numbers[thing] for thing in "abacb"] == [0, 1, 0, 2, 1]
    assert list(numbers) == ["a", "b", "c"]


@pytest.mark.parametrize("below", [10, 10**12])
@pytest.mark.parametrize("codes", [[], [7], [3, 9, 3, 0, 9]])
def test_distinct_codes_are_numpys(codes: list[int], below: int) -> None:
    column = np.array(codes, np.int64)
    values, places = distinct(column, below)
    expected, at = np.unique(column, return_inverse=True)
    assert values.tolist() == expected.tolist()
    assert places.tolist() == at.tolist()
