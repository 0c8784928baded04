"""A replay's processes keep the memory that they free."""

import subprocess
import sys

from tests.support.processes import ROOT

_SCRIPT = """
import resource
import numpy as np
import pyarrow as pa
from stream.replay.reuse import keep_freed_memory
{keep}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        [np.ones(2**21, np.uint8) for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(pa.default_memory_pool().backend_name, faults())
"""


def _faults(keep: str) -> tuple[str, int]:
    command = [sys.executable, "-c", _SCRIPT.format(keep=keep)]
    pool, faults = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return pool, int(faults)


def test_freed_memory_is_used_again_without_a_fault_for_each_page() -> None:
    pool, faults = _faults("keep_freed_memory()")
    assert pool == "system"
    assert faults < 4_000  # 20 times 16 MiB are 81,920 pages
