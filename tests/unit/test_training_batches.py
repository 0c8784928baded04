"""Batches of similar length: every row once, in an order that a resumed run repeats, with less padding."""

import numpy as np

from model.training.batches import ByLength

LENGTHS = np.random.default_rng(5).integers(1, 200, 4_000).tolist()


def padding(order: list[int], batch: int) -> int:
    """Return how many characters of padding batches in this order would have."""
    rows = [[LENGTHS[row] for row in order[start : start + batch]] for start in range(0, len(order), batch)]
    return sum(len(lengths) * max(lengths) - sum(lengths) for lengths in rows)


def test_every_row_is_drawn_once_in_an_epoch_and_batches_are_of_similar_length() -> None:
    order = list(ByLength(LENGTHS, 32, seed=3))
    assert sorted(order) == list(range(4_000))
    assert 4 * padding(order, 32) < padding(list(range(4_000)), 32)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    sampler = ByLength(LENGTHS, 32, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert first != second
    resumed = ByLength(LENGTHS, 32, seed=3)
    resumed.set_epoch(1)
    assert list(resumed) == second
    assert list(ByLength(LENGTHS, 32, seed=4)) != first


def test_few_rows_stay_mixed() -> None:
    lengths = sorted(LENGTHS[:100])
    order = list(ByLength(lengths, 32, seed=3))
    assert sorted(order) == list(range(100))
    batches = [order[start : start + 32] for start in range(0, 96, 32)]
    assert all(min(batch) < 40 and max(batch) > 60 for batch in batches)


def test_only_the_last_batch_is_not_full_and_it_is_of_any_length() -> None:
    sampler = ByLength(LENGTHS[:3_999], 32, seed=3)
    means = []
    for epoch in range(40):
        sampler.set_epoch(epoch)
        order = list(sampler)
        assert sorted(order) == list(range(3_999))
        means.append(np.mean([LENGTHS[row] for row in order[3_968:]]))
    assert abs(float(np.mean(means)) - float(np.mean(LENGTHS))) < 10


def test_copies_of_a_line_part() -> None:
    lengths = [length for length in LENGTHS[:200] for _ in range(20)]
    order = list(ByLength(lengths, 32, seed=3))
    distinct = [len({row // 20 for row in order[start : start + 32]}) for start in range(0, 4_000, 32)]
    assert np.mean(distinct) > 18
