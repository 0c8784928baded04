"""Files as streams of bytes, decompressed by file extension.

Positions in a compressed file count decompressed bytes, so it is cut and read like the plain file.
"""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from stream.errors import FileError

_BLOCK: Final = 8_388_608
_BUFFER: Final = 262_144


def _unpack_zstd(file: Any) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd")


_UNPACKED: Final[Mapping[str, Callable[[Any], Any]]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".zst": _unpack_zstd,
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}
PACKED: Final = tuple(_UNPACKED)
"""Suffixes of compressed files."""


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Translate errors that occur while a file is read.

    Raises:
        FileError: it cannot be read, or is not compressed as its name says.
    """
    try:
        yield
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as exc:
        raise FileError(f"cannot read {path}: {getattr(exc, 'strerror', None) or exc}") from exc


@contextmanager
def opened(path: str) -> Iterator[Any]:
    """Open a file, wherever fsspec reaches, for reading bytes; raises as ``reading``, within the ``with`` block too."""
    import fsspec

    unpacked = next((unpack for end, unpack in _UNPACKED.items() if path.endswith(end)), None)
    with reading(path), fsspec.open(path, "rb") as file:
        yield file if unpacked is None else io.BufferedReader(unpacked(file), _BUFFER)


def length(path: str) -> int:
    """Return the uncompressed size of a file; a compressed one is read through for it.  Raises as ``opened``."""
    with opened(path) as file:
        if not path.endswith(PACKED):
            return int(file.seek(0, 2))
        return sum(map(len, iter(lambda: file.read(_BLOCK), b"")))


def skip(path: str, file: Any, count: int) -> None:
    """Skip to a position of a file that was just opened; a compressed one is decompressed up to there."""
    if not path.endswith(PACKED):
        file.seek(count)
        return
    while count and (block := file.read(min(count, _BLOCK))):
        count -= len(block)
