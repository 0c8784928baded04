"""What the documents name exists: files and folders, commands and their options."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command

from stream.cli import app

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
        *(ROOT / "model").rglob("*.md"),
    ]
)
NAMED: Final = re.compile(r"(?<![\w./-])((?:docs|deploy|model|stream|schemas|tests|requirements)/[\w./-]*[\w/])")
COMMAND: Final = re.compile(r"(?:^|[`\s/])chatwarden ([a-z]+)((?: [^`\n|#]*)?)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_exist(document: Path) -> None:
    named = NAMED.findall(document.read_text(encoding="utf-8"))
    missing = [
        name for name in named if not (ROOT / name).exists() and name not in ("deploy/kafka/lib", "model/training")
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_options_exist(document: Path) -> None:
    commands: dict[str, Any] = getattr(get_command(app), "commands", {})
    for name, rest in COMMAND.findall(document.read_text(encoding="utf-8")):
        if name in ("is", "to", "strikes"):
            continue
        assert name in commands, f"{document.name}: chatwarden {name}"
        known = {option for each in _all(commands[name]) for param in each.params for option in param.opts}
        given = set(re.findall(r"(?<=\s)--[a-z-]+", rest))
        assert given <= known | {"--help"}, f"{document.name}: chatwarden {name}{rest}"


def _all(command: Any) -> list[Any]:
    return [command, *getattr(command, "commands", {}).values()]
