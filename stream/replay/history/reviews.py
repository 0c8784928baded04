"""Reviews: moderators' labels by event id; JSON Lines or CSV with ``event_id`` and ``label``."""

import codecs
import csv
import hashlib
import io

import msgspec

from stream.errors import ConfigError


class _Review(msgspec.Struct):
    event_id: str
    label: str


def read_reviews(path: str) -> dict[str, str]:
    """Read a file of reviews; of several about one event the last counts.

    Raises:
        ConfigError: it cannot be read, or a line is not a review; names the line.
    """
    raw = _read(path)
    try:
        if path.lower().endswith(".csv"):
            return _from_csv(raw.decode("utf-8-sig"), path)
        return _from_lines(raw.removeprefix(codecs.BOM_UTF8), path)
    except UnicodeDecodeError as exc:
        raise ConfigError(f"--reviews {path}: {exc}") from exc


def reviews_digest(path: str) -> str:
    """Return a digest of a file of reviews.

    Raises:
        ConfigError: as ``read_reviews``.
    """
    said = msgspec.json.encode(read_reviews(path), order="sorted")
    return hashlib.blake2b(said, digest_size=16).hexdigest()


def _read(path: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(path, "rb") as file:
            raw: bytes = file.read()
    except (OSError, ValueError, ImportError) as exc:
        raise ConfigError(f"--reviews {path}: {exc}") from exc
    return raw


def _from_lines(raw: bytes, path: str) -> dict[str, str]:
    reviews: dict[str, str] = {}
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            review = msgspec.json.decode(line, type=_Review)
        except msgspec.MsgspecError as exc:
            raise ConfigError(f"--reviews {path}:{number}: {exc}; each line needs event_id and label") from exc
        reviews[review.event_id] = _checked(review.label, path, number)
    return reviews


def _from_csv(text: str, path: str) -> dict[str, str]:
    reviews: dict[str, str] = {}
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if not {"event_id", "label"} <= set(rows.fieldnames or ()):
            raise ConfigError(f"--reviews {path}:1: the header needs event_id and label, separated by commas")
        for row in rows:
            if None in row or None in row.values():
                raise ConfigError(f"--reviews {path}:{rows.line_num}: more or fewer cells than the header")
            reviews[row["event_id"]] = _checked(row["label"], path, rows.line_num)
    except csv.Error as exc:
        raise ConfigError(f"--reviews {path}:{rows.reader.line_num}: {exc}") from exc
    return reviews


def _checked(label: str, path: str, number: int) -> str:
    """Return a label, refusing an empty one."""
    if not label.strip():
        raise ConfigError(f"--reviews {path}:{number}: the label is empty; leave out what nobody has reviewed")
    return label.strip()
