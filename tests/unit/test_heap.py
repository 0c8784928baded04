"""What is there when the heap is frozen is never looked at again; what comes later is collected."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from stream.heap import freeze_heap


class Knot:
    """An object in a cycle, which only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_there_is_exempt_and_what_comes_later_is_not() -> None:
    before = weakref.ref(kept := Knot())
    freeze_heap()
    later = weakref.ref(Knot())
    del kept
    gc.collect()
    assert before() is not None
    assert later() is None


def test_garbage_is_freed_first() -> None:
    garbage = weakref.ref(Knot())
    freeze_heap()
    assert garbage() is None
