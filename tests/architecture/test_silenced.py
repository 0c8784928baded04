"""Every silenced check says why: ``# noqa: S106 - no password``, ``# type: ignore[misc]  # bound at once``."""

import re
import tokenize
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.test_shape import sources

SILENCED: Final = re.compile(r"(?=#\s*(?:noqa|type:\s*ignore|pragma:|ruff:|mypy:))", re.IGNORECASE)
"""Where a comment begins to silence a check; the last two do so in a whole file, for which no reason will do."""
REASONED: Final = re.compile(
    r"# noqa: [A-Z]+\d+(?:, [A-Z]+\d+)* - \w.*|# type: ignore\[[a-z, -]+\]  # \w.*|# pragma: [a-z ]+ - \w.*"
)


def unreasoned(path: Path) -> list[str]:
    """Return what silences a check in a file without naming it and a reason."""
    if not SILENCED.search(path.read_text(encoding="utf-8")):
        return []
    with tokenize.open(path) as file:
        comments = [token for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT]
    return [
        f"{path}:{comment.start[0]}: {part}"
        for comment in comments
        for part in SILENCED.split(comment.string)
        if SILENCED.match(part) and not REASONED.fullmatch(part)
    ]


def test_every_silenced_check_has_a_reason() -> None:
    assert [fault for path in sources() for fault in unreasoned(path)] == []


@pytest.mark.parametrize(
    ("comment", "faults"),
    [
        ("# noqa: S106, S311 - no password", 0),
        ("# type: ignore[misc, arg-type]  # bound at once", 0),
        ("# bound at once  # pragma: no cover - cannot happen", 0),
        ("# it says noqa only", 0),
        ("# noqa", 1),
        ("#NOQA:S106", 1),
        ("# noqa: S106", 1),
        ("# noqa: S106 -", 1),
        ("# noqa - no password", 1),
        ("# type: ignore", 1),
        ("# type: ignore  # bound at once", 1),
        ("# type: ignore[misc]", 1),
        ("# pragma: no cover", 1),
        ("# type: ignore[misc]  # noqa: S106", 2),
        ("# ruff: noqa: S106 - no password", 1),
    ],
)
def test_what_has_no_reason_is_found(tmp_path: Path, comment: str, faults: int) -> None:
    path = tmp_path / "planted.py"
    path.write_text(f"a = '# noqa'  {comment}\n")
    assert len(unreasoned(path)) == faults
