"""States of files, to detect without reading whether a file has changed since a run began.

On disk that is the size and the time it was last written: any usual way to change a file changes one of them, and both
cost one look into the folder, where a digest would read gigabytes once more.  A store that names contents by itself (an
ETag) is asked for that name in place of the time, because there a time changes with every upload of the same bytes.
``ukey`` of fsspec does not serve: of files on disk it also tells owner, rights and inode, over HTTP only the address.
"""

from collections.abc import Iterable, Mapping

import msgspec

from stream.replay.history.packed import reading


class FileState(msgspec.Struct, frozen=True):
    """``size`` in bytes, None where unknown; ``tag`` is the ETag, ``modified`` a time, each empty where it is not told.

    ``modified`` is also empty where there is a tag.
    """

    size: int | None
    tag: str = ""
    modified: str = ""


States = Mapping[str, FileState]
"""By path or URL."""


def states_of(paths: Iterable[str]) -> dict[str, FileState]:
    """Return the states of the files that exist.

    Raises:
        FileError: a file system does not answer.
    """
    found = ((path, _state(path)) for path in paths)
    return {path: state for path, state in found if state is not None}


def _state(path: str) -> FileState | None:
    import fsspec

    with reading(path):
        try:
            system, name = fsspec.core.url_to_fs(path)
            about = system.info(name)
            tag = str(about.get("ETag") or about.get("etag") or "").strip('"')  # listings may leave the quotes out
            return FileState(about.get("size"), tag, "" if tag else str(system.modified(name)))
        except FileNotFoundError:
            return None
        except RuntimeError:  # not known there, or not implemented
            return FileState(about.get("size"), "", str(about.get("Last-Modified") or ""))


def untimed(states: States) -> dict[str, FileState]:
    """Return states as copies have them, which may have been written at another time."""
    return {path: FileState(state.size, state.tag) for path, state in states.items()}


def difference(before: States, now: States) -> str | None:
    """Say which of the files from before is another one now, and by what one sees it; None where all are the same."""
    for path, old in before.items():
        new = now.get(path)
        if new != old:
            return f"{path} ({_told(old, new)})"
    return None


def _told(old: FileState, new: FileState | None) -> str:
    if new is None:
        return "it is gone"
    if new.size != old.size:
        return f"{new.size} bytes instead of {old.size}"
    if new.tag != old.tag:
        return f"ETag {new.tag or 'none'} instead of {old.tag or 'none'}"
    return f"written {new.modified} instead of {old.modified}"
