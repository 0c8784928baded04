"""A worker's slot: the part of its transactional id that is the same after every restart and never used twice at once.

Random names would leave a killed worker's transaction open until it times out; one name for two workers would have
them fence each other.  So the workers of one host take numbers, and the system frees a number when its holder ends.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from stream.errors import ConfigError


@contextmanager
def leased_slot(host: str, purpose: str, folder: Path) -> Iterator[str]:
    """Hold the lowest free slot of this host for one purpose: ``HOST-0``, ``HOST-1`` and so on.

    Different purposes, such as two consumer groups, may use the same number.  The lease is a lock on a file in
    ``folder``, which all workers of the host must share; it ends with the process, however that ends.

    Raises:
        ConfigError: the folder cannot be written, for example because another user owns it.
    """
    name = hashlib.blake2b(purpose.encode(), digest_size=8).hexdigest()
    for number in count():
        lock = _open(folder / f"{name}-{number}.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            yield f"{host}-{number}"
        finally:
            os.close(lock)
        return


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise ConfigError(
            f"no slot can be taken: {path.parent}: {exc.strerror}; name this worker yourself with --slot, or set TMPDIR"
        ) from exc
