"""The breaker: opens after failures in a row, lets one probe through, backs off."""

from stream.breaker import Breaker


class ManualTime:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(time: ManualTime) -> Breaker:
    breaker = Breaker(time, failures=3, cooldown_s=1, longest_s=3)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = Breaker(ManualTime(), failures=3)
    breaker.failed()
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    breaker.failed()
    assert (breaker.closed, breaker.allows()) == (True, True)
    breaker.failed()
    assert (breaker.closed, breaker.allows()) == (False, False)


def test_one_probe_decides() -> None:
    time = ManualTime()
    breaker = opened(time)
    time.now = 0.9
    assert not breaker.allows()
    time.now = 1.0
    assert (breaker.closed, breaker.allows()) == (False, True)
    breaker.succeeded()
    assert (breaker.closed, breaker.allows()) == (True, True)


def test_failed_probes_double_the_wait_up_to_a_limit_and_success_resets_it() -> None:
    time = ManualTime()
    breaker = opened(time)
    waits = []
    for _ in range(4):
        start = time.now
        while not breaker.allows():
            time.now += 0.5
        waits.append(time.now - start)
        breaker.failed()
    assert waits == [1, 2, 3, 3]
    time.now += 3
    breaker.succeeded()
    for _ in range(3):
        breaker.failed()
    time.now += 1
    assert breaker.allows()
