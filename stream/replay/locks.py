"""Locks that processes hold on open files, and file systems that have none."""

import errno
import fcntl
from typing import IO, Any, Final

_HAS_NONE: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a network file system answers that has no locks, or whose lock server does not run."""


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
