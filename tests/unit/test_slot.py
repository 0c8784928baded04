"""Slots: never taken twice on a host, and free again when their holder ends, however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stream.errors import ConfigError
from stream.slot import leased_slot


def test_two_workers_of_a_host_take_different_slots(tmp_path: Path) -> None:
    with leased_slot("box", "group", tmp_path) as first, leased_slot("box", "group", tmp_path) as second:
        assert (first, second) == ("box-0", "box-1")


def test_another_purpose_has_its_own_numbers(tmp_path: Path) -> None:
    with leased_slot("box", "a", tmp_path) as first, leased_slot("box", "b", tmp_path) as second:
        assert (first, second) == ("box-0", "box-0")


def test_a_slot_is_free_again_once_left(tmp_path: Path) -> None:
    with leased_slot("box", "group", tmp_path):
        pass
    with leased_slot("box", "group", tmp_path) as slot:
        assert slot == "box-0"


def test_a_killed_workers_slot_goes_to_the_next(tmp_path: Path) -> None:
    holds = (
        "import sys, time; from pathlib import Path; from stream.slot import leased_slot\n"
        "with leased_slot('box', 'group', Path(sys.argv[1])) as slot: print(slot, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holds, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "box-0\n"
        with leased_slot("box", "group", tmp_path) as slot:
            assert slot == "box-1"
        os.kill(holder.pid, signal.SIGKILL)
    with leased_slot("box", "group", tmp_path) as slot:
        assert slot == "box-0"


def test_where_no_lease_can_be_kept_the_mend_is_named(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("no folder")
    with (
        pytest.raises(ConfigError, match=r"no slot can be taken: .*--slot"),
        leased_slot("b", "g", tmp_path / "leases"),
    ):
        pass
