"""Preloading for worker processes: a fork server loads the modules once, and each worker is a copy of it.

Workers are forked from a process that has only loaded modules, so no threads are lost.
Importing this module is cheap, so that loading can begin before the caller has loaded anything itself.
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
"""The last four are otherwise loaded lazily; here they are loaded in advance."""


def load_ahead() -> None:
    """Start loading in the fork server without waiting; modules that cannot be loaded are left to the processes."""
    CONTEXT.set_forkserver_preload(list(_MODULES))
    forkserver.ensure_running()
