"""The shape of the code: sizes, nesting, names, and the one place that reads the environment."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
BLOCKS: Final = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.AsyncFor, ast.AsyncWith)
MOST_LINES: Final = 300
MOST_IN_FUNCTION: Final = 40
MOST_NESTED: Final = 3
BANNED: Final = {"manager", "handler", "processor", "utils", "util", "helpers", "helper", "lib", "common", "misc"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    """Return every Python file that belongs to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def depth(node: ast.AST, level: int = 0) -> int:
    """Return how deeply blocks are nested in a function, apart from functions and classes within."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.ClassDef):
            deepest = max(deepest, depth(child, level + isinstance(child, BLOCKS)))
    return deepest


def functions(path: Path) -> Iterator[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def faults(path: Path) -> list[str]:
    """Return what is too long or too deep in a file."""
    place = path.name if not path.is_relative_to(ROOT) else str(path.relative_to(ROOT))
    lines = path.read_text(encoding="utf-8").count("\n") + 1
    found = [f"{place}: {lines} lines"] if lines > MOST_LINES else []
    for function in functions(path):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > MOST_IN_FUNCTION:
            found.append(f"{place}:{function.lineno} {function.name}: {length} lines")
        if depth(function) > MOST_NESTED:
            found.append(f"{place}:{function.lineno} {function.name}: nested {depth(function)} deep")
    return found


def test_nothing_is_too_long_or_too_deep() -> None:
    assert [fault for path in sources() for fault in faults(path)] == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("\n" * 300, "301 lines"),
        ("def f():\n" + "    pass\n" * 40, "f: 41 lines"),
        ("def f():\n if 1:\n  for x in y:\n   with z:\n    while 1:\n     pass\n", "nested 4 deep"),
    ],
)
def test_what_is_too_long_or_too_deep_is_found(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "planted.py"
    path.write_text(text)
    assert any(fault in said for said in faults(path))


def test_no_module_is_named_for_nothing() -> None:
    names = {path: set(path.relative_to(ROOT).with_suffix("").parts) for path in sources()}
    vague = [
        str(path.relative_to(ROOT))
        for path, parts in names.items()
        if {w for p in parts for w in p.split("_")} & BANNED
    ]
    assert vague == []


def test_settings_alone_read_the_environment() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for path in sources()
        if path.relative_to(ROOT).parts[0] in ("schemas", "model", "stream")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and any(a.name in ("environ", "getenv") for a in node.names)
        )
    }
    assert readers == {"stream/settings.py"}


def test_log_fields_are_from_the_list() -> None:
    from stream.logs import FIELDS

    used = {
        key.value
        for path in sources()
        if path.relative_to(ROOT).parts[0] in ("model", "stream")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "extra" and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    }
    assert used
    assert used <= FIELDS
