"""Interrupts: what is in hand is finished, what is waited for is not."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from stream.interrupts import Interrupted, Interrupts


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_work_in_hand_is_finished() -> None:
    with Interrupts() as interrupts:
        interrupt()
        done = sum(range(1000))
        with pytest.raises(Interrupted) as caught:
            interrupts.check()
    assert done == 499_500
    assert caught.value.exit_code == 130


def test_waiting_is_not() -> None:
    with Interrupts() as interrupts, pytest.raises(Interrupted):
        interrupts.wait(interrupt)


def test_after_a_signal_nothing_is_waited_for() -> None:
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted) as caught:
            interrupts.wait(lambda: pytest.fail("waited"))
    assert caught.value.exit_code == 143


def test_a_second_signal_is_for_those_who_cannot_wait() -> None:
    with Interrupts():
        interrupt()
        with pytest.raises(Interrupted):
            interrupt()


def test_without_a_signal_nothing_happens_and_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        assert signal.getsignal(signal.SIGINT) != before
        assert interrupts.wait(lambda: 7) == 7
        interrupts.check()
    assert signal.getsignal(signal.SIGINT) == before


def test_code_that_tries_this_and_that_cannot_swallow_one() -> None:
    def careless() -> None:
        with contextlib.suppress(Exception):
            raise Interrupted(signal.SIGINT)

    with pytest.raises(Interrupted):
        careless()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_where_nothing_is_in_hand_a_signal_ends_the_process_whatever_it_is_at(number: signal.Signals) -> None:
    program = f"""
import os
from stream.interrupts import end_on_signals
end_on_signals(lambda name: print(name, flush=True), 3)
try:
    os.kill(os.getpid(), {int(number)})
finally:
    print("survived")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (3, f"{number.name}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_command_line_is_even_imported_is_heard_and_leaves_no_traceback(
    number: signal.Signals,
) -> None:
    program = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
class Importing:
    def find_spec(self, name, path, target=None):
        if name == "stream.cli":
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Importing())
from stream.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    # By itself, not by the signal's default action, which a container's first process does not have.
    assert (done.returncode, done.stderr) == (128 + number, "")
