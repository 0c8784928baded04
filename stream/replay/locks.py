"""Locks that processes hold on open files, and file systems that have none."""

import errno
import fcntl
from typing import IO, Any, Final

_HAS_NONE: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""Errors of a network file system without locks, or whose lock server is not running."""


def lock(file: IO[Any], operation: int) -> bool:
    """Lock a file as ``fcntl.flock`` does, until it is closed; returns False where its file system has no locks.

    The file must be open for writing: NFS refuses to lock it otherwise.  May block, unless told not to.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the file cannot be used.
    """
    try:
        fcntl.flock(file, operation)
    except OSError as exc:
        if exc.errno not in _HAS_NONE:
            raise
        return False
    return True
