"""Keep freed memory for reuse: a replay allocates and frees the same megabytes for every batch."""

import contextlib
import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Constants of glibc's parameters (``malloc.h``)."""
_KEPT: Final = 128 * 2**20
"""Free bytes at the top of the heap that are not returned."""
_LARGEST: Final = 32 * 2**20
"""Larger blocks are mapped and unmapped each time; glibc allows no higher value."""


def keep_freed_memory() -> None:
    """Make this process keep freed memory, within bounds.

    Pages returned to the system cost a page fault each when they are allocated again, a tenth of a replay's time.  Does
    nothing if the C library is not glibc.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own allocator returns pages, too
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
