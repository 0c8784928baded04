"""Batches under a budget of tokens.  Pure.

A padded batch costs its longest row times its number of rows.  Rows are sorted by length, so that padding is small;
with ``slack`` 0 only rows of one length share a batch, and there is none.  A packed batch costs its rows' tokens.
"""

from collections.abc import Sequence


def plan_padded(lengths: Sequence[int], budget: int, slack: int) -> list[list[int]]:
    """Split rows into batches that are padded.

    Args:
        lengths: tokens of each row.
        budget: maximum padded tokens in a batch; a longer row gets a batch of its own.
        slack: maximum difference in tokens between rows of one batch.

    Returns:
        Row indices by batch, shortest rows first; every index once.
    """
    batches: list[list[int]] = []
    shortest = 0
    for index in _by_length(lengths):
        length = lengths[index]
        fits = bool(batches) and (len(batches[-1]) + 1) * length <= budget
        if fits and length - shortest <= slack:
            batches[-1].append(index)
        else:
            batches.append([index])
            shortest = length
    return batches


def plan_packed(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Split rows of any lengths evenly into as few batches as a budget of tokens allows.

    A batch may exceed the budget by its longest row at most.  Returns row indices by batch, shortest rows first;
    every index once.
    """
    tokens = sum(lengths)
    count = -(-tokens // budget)
    batches: list[list[int]] = [[] for _ in range(count)]
    before = 0
    for index in _by_length(lengths):
        middle = 2 * before + lengths[index]  # in half tokens
        batches[middle * count // (2 * tokens)].append(index)
        before += lengths[index]
    return [batch for batch in batches if batch]


def _by_length(lengths: Sequence[int]) -> list[int]:
    return sorted(range(len(lengths)), key=lengths.__getitem__)
