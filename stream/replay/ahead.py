"""Preloading for worker processes: a fork server loads the modules once, and each worker is a copy of it.

Copies are made of a process that has loaded modules and done nothing else, so there are no threads to lose.
Importing this costs nothing, so that loading can begin before the caller has loaded anything itself.
"""

from multiprocessing import forkserver, get_context
from typing import Final

CONTEXT: Final = get_context("forkserver")
_MODULES: Final = (
    "__main__",
    "stream.wiring_replay",
    "stream.replay.crew",
    "confluent_kafka",
    "pyarrow.acero",
    "pyarrow.compute",
    "pyarrow.parquet",
)
"""The last four are loaded by those who need them once they are at work; here, before."""


def load_ahead() -> None:
    """Start loading in the fork server.  Does not wait; modules that cannot be loaded are left to the processes."""
    CONTEXT.set_forkserver_preload(list(_MODULES))
    forkserver.ensure_running()
