"""What the manifests hold, and whether the program would take it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from typer.main import get_command

from stream.cli import app
from stream.environment import read_environment
from stream.settings import Settings

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
KUBERNETES: Final = DEPLOY / "kubernetes"


def check_settings(variables: dict[str, str]) -> Settings:
    """Read variables as the program would; an unknown one fails."""
    document: dict[str, dict[str, object]] = {}
    for path, value in read_environment(variables):
        document.setdefault(path[0], {})[".".join(path[1:])] = value
    return Settings.model_validate(document)


def check_command(arguments: list[str]) -> None:
    """Parse a command line without running it; an unknown command or option fails."""
    command: Any = get_command(app)
    for word in arguments:
        if word not in getattr(command, "commands", {}):
            break
        command, arguments = command.commands[word], arguments[1:]
    command.make_context(command.name, list(arguments))


def documents() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(KUBERNETES.rglob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            yield path, document


def kustomization(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((KUBERNETES / name / "kustomization.yaml").read_text())
    return found


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each pod with each of its containers, overlays apart."""
    for path, document in documents():
        spec = document.get("spec", {}) if path.parent.name in ("base", "kubernetes") else {}
        pod: dict[str, Any] = spec.get("template", {}).get("spec", {})
        for container in pod.get("containers", []):
            yield pod, container
