"""Deadlines and waits."""

from stream.deadline import Backoff, Deadline
from tests.support.clocks import ManualClock


def test_a_deadline_is_shared_and_never_negative() -> None:
    clock = ManualClock()
    deadline = Deadline(clock, 3)
    assert (deadline.remaining(), deadline.remaining(2), deadline.over) == (3, 2, False)
    clock.advance(5)
    assert (deadline.remaining(), deadline.over) == (0, True)


def test_waits_double_up_to_the_most_and_start_small_again() -> None:
    backoff = Backoff(1, 5, lambda: 0.0)
    assert [backoff.next() for _ in range(5)] == [1, 2, 4, 5, 5]
    assert backoff.tries == 5
    backoff.reset()
    assert backoff.next() == 1


def test_chance_shortens_a_wait_by_up_to_a_half() -> None:
    assert Backoff(1, 5, lambda: 1.0).next() == 0.5
