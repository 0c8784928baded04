"""The watchdog: a loop that hangs ends the process, one that turns or was stopped does not."""

import logging

import pytest

from stream.health import Health
from stream.kafka_config import consumer_properties, producer_properties
from stream.settings import KafkaSettings
from stream.watchdog import NAP_S, Watchdog, longest_turn_s
from tests.support.clocks import ManualClock


class Nights:
    """Naps as a script: what happens in each of them, then nothing any more."""

    def __init__(self, health: Health, clock: ManualClock, ticks_until: int, stopped_s: float = 0.0) -> None:
        self._health, self._clock = health, clock
        self._ticks_until, self._stopped_s = ticks_until, stopped_s
        self.naps = 0

    def __call__(self, seconds: float) -> None:
        self.naps += 1
        self._clock.now += seconds + (self._stopped_s if self.naps == 1 else 0.0)
        if self.naps <= self._ticks_until:
            self._health.tick()


def naps_until_the_end(ticks_until: int, stopped_s: float = 0.0) -> tuple[int, list[int]]:
    """Return after how many naps it ended the process, and with which exit codes."""
    clock, codes = ManualClock(), list[int]()
    health = Health(clock, 30)
    nights = Nights(health, clock, ticks_until, stopped_s)
    Watchdog(health, 80.0, codes.append, nights).watch()
    return nights.naps, codes


def test_a_loop_that_stands_still_ends_the_process_and_is_told_where(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert naps_until_the_end(ticks_until=0) == (80 / NAP_S, [75])
    assert "the loop hangs, at " in caplog.text
    assert "watchdog.py" in caplog.text  # here the watching thread is the loop's


def test_a_loop_that_turns_is_left_alone() -> None:
    assert naps_until_the_end(ticks_until=500) == (500 + 80 / NAP_S, [75])


def test_a_process_that_was_stopped_has_not_hung() -> None:
    naps, _ = naps_until_the_end(ticks_until=2, stopped_s=3_600)
    assert naps == 2 + 80 / NAP_S


def test_a_turn_may_take_a_commit_an_abort_and_the_time_between_two_polls() -> None:
    kafka = KafkaSettings()
    assert longest_turn_s(consumer_properties(kafka), producer_properties(kafka, "a")) == 80.0
    patient = KafkaSettings.model_validate({"properties": {"max.poll.interval.ms": 300_000}})
    assert longest_turn_s(consumer_properties(patient), producer_properties(patient, "a")) == 320.0
