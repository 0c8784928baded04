"""What is told when work that an earlier run left is damaged, as by a machine that went down while it was written."""

from pathlib import Path

from stream.errors import FileError


def damaged(path: Path) -> FileError:
    """Return the error for a file of the work."""
    return FileError(f"{path} is damaged, and more of that run may be; start over in another --report folder")
