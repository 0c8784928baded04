"""Keep freed memory for reuse: a replay allocates and frees the same megabytes for every batch."""

import contextlib
import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Numbers of glibc's parameters (``malloc.h``)."""
_KEPT: Final = 128 * 2**20
"""Free bytes at the top of the heap that stay there."""
_LARGEST: Final = 32 * 2**20
"""What is larger is mapped and unmapped each time; glibc takes no more."""


def keep_freed_memory() -> None:
    """Have this process keep what it frees, in bounds.

    Pages returned to the system cost a page fault each when they are allocated again, a tenth of a replay's time.  Does
    nothing if the C library is not glibc.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own gives pages back, too
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST)
        library.mallopt(_TRIM_THRESHOLD, _KEPT)
