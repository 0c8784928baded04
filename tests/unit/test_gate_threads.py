"""Threads that share a gate's network get what one thread alone gets, and leave it sound."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.support.gates import a_net


@pytest.fixture(autouse=True)
def often_switched() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_threads_that_share_a_network_do_not_disturb_each_other() -> None:
    chunks = [[f"word{number} w{number % 7} n{number * place}" for place in range(20)] for number in range(120)]
    shared, alone = a_net(kept=(300, 300)), a_net()
    expected = [alone(chunk) for chunk in chunks]
    with ThreadPoolExecutor(4) as threads:
        for found, scores in zip(threads.map(shared, chunks * 3), expected * 3, strict=True):
            assert np.array_equal(found, scores)
    assert all(np.array_equal(shared(chunk), scores) for chunk, scores in zip(chunks, expected, strict=True))
