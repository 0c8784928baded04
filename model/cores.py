"""How many cores there are to work on."""

import os


def usable_cores() -> int:
    """Return how many cores this process may use; where the system does not tell (macOS), how many there are."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
