"""Batches under a budget of padded tokens.  Pure.

A batch costs its longest row times its rows, because shorter rows are padded.  Rows go by length, so that padding
is small; with ``slack`` 0 only rows of one length share a batch and there is none.
"""

from collections.abc import Sequence


def plan(lengths: Sequence[int], budget: int, slack: int | None = None) -> list[list[int]]:
    """Split rows into batches.

    Args:
        lengths: tokens of each row.
        budget: most padded tokens in a batch; a row longer than that gets a batch of its own.
        slack: most tokens by which rows of one batch may differ; None for any.

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
