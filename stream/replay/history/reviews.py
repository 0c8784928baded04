"""Reviews: what moderators found, by event id; JSON Lines or CSV with ``event_id`` and ``label``."""

import csv
import hashlib
import io

import msgspec

from stream.errors import ConfigError


class _Review(msgspec.Struct):
    event_id: str
    label: str


def read_reviews(path: str) -> dict[str, str]:
    """Read a file of reviews; of several about one event the last one counts.

    Raises:
        ConfigError: it cannot be read, or a line is no review; names the line.
    """
    raw = _read(path)
    try:
        return _from_csv(raw.decode(), path) if path.endswith(".csv") else _from_lines(raw, path)
    except UnicodeDecodeError as exc:
        raise ConfigError(f"--reviews {path}: {exc}") from exc


def file_digest(path: str) -> str:
    """Return a digest of a file of reviews.

    Raises:
        ConfigError: it cannot be read.
    """
    return hashlib.blake2b(_read(path), digest_size=16).hexdigest()


def _read(path: str) -> bytes:
    import fsspec

    try:
        with fsspec.open(path, "rb") as file:
            raw: bytes = file.read()
    except (OSError, ValueError) as exc:
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
        reviews[review.event_id] = review.label
    return reviews


def _from_csv(text: str, path: str) -> dict[str, str]:
    rows = csv.DictReader(io.StringIO(text))
    if not {"event_id", "label"} <= set(rows.fieldnames or ()):
        raise ConfigError(f"--reviews {path}:1: the header needs event_id and label")
    return {row["event_id"]: row["label"] for row in rows}
