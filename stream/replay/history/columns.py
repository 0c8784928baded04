"""Columns of codes: values numbered in order of appearance, and the distinct codes."""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
K = TypeVar("K")


class Numbers(dict[K, int], Generic[K]):
    """Numbers values in order of appearance."""

    def __missing__(self, thing: K) -> int:
        self[thing] = number = len(self)
        return number


class Remembered(dict[K, int], Generic[K]):
    """Numbers of values, each looked up once."""

    def __init__(self, ask: Callable[[K], int]) -> None:
        self._ask = ask

    def __missing__(self, thing: K) -> int:
        self[thing] = number = self._ask(thing)
        return number


def distinct(codes: Codes, below: int) -> tuple[Codes, Codes]:
    """Return the distinct codes, in order, and each code's position among them, as ``np.unique`` does.

    ``below`` exceeds all codes.  If it is not much larger than their number, no sorting is needed.
    """
    if below > 4 * len(codes) + 1_024:
        values, places = np.unique(codes, return_inverse=True)
        return values.astype(np.int64), places.astype(np.int64)
    there = np.zeros(below, np.bool_)
    there[codes] = True
    values = np.flatnonzero(there)
    places = np.empty(below, np.int64)
    places[values] = np.arange(len(values))
    return values, places[codes]
