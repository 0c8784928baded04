"""Batches under a budget of padded tokens.  Pure.

A batch costs its longest row times its number of rows, because shorter rows are padded.  Rows are sorted by length, so
that padding is small; with ``slack`` 0 only rows of one length share a batch, and there is no padding.
"""

from collections.abc import Sequence


def plan(lengths: Sequence[int], budget: int, slack: int | None = None) -> list[list[int]]:
    """Split rows into batches.

    Args:
        lengths: tokens of each row.
        budget: maximum padded tokens in a batch; a longer row gets a batch of its own.
        slack: maximum difference in tokens between rows of one batch; None for any.

    Returns:
        Row indices by batch, shortest rows first; every index once.
    """
    batches: list[list[int]] = []
    shortest = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[index]
        fits = bool(batches) and (len(batches[-1]) + 1) * length <= budget
        if fits and (slack is None or length - shortest <= slack):
            batches[-1].append(index)
        else:
            batches.append([index])
            shortest = length
    return batches
