"""Settings from environment variables: ``CHATWARDEN__SECTION__KEY``.  Pure: ``stream.settings`` hands it the variables.

``…__KEY_FILE`` names a file with the value, as for container secrets.  Lists are comma-separated.  A table is
a TOML inline table, or one variable per entry; in ``KAFKA__PROPERTIES__SASL_PASSWORD`` underscores stand for the dots
of librdkafka's names.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stream.errors import ConfigError

ENV_PREFIX: Final = "CHATWARDEN__"

_FILE: Final = "_file"
_LISTS: Final = (["pipeline", "resolvers"],)
_TABLES: Final = (["kafka", "properties"], ["policy", "packs"])


def read_environment(environ: Mapping[str, str]) -> list[tuple[list[str], object]]:
    """Return our variables as paths and values; pydantic converts numbers later.

    Raises:
        ConfigError: a value is not a table, a file cannot be read, or a key is given twice.
    """
    found: dict[tuple[str, ...], object] = {}
    for name in sorted(environ):
        if not name.startswith(ENV_PREFIX):
            continue
        path = name.removeprefix(ENV_PREFIX).lower().split("__")
        value = environ[name]
        if path[-1].endswith(_FILE):
            path[-1] = path[-1].removesuffix(_FILE)
            value = _contents(name, value)
        if path[:2] == ["kafka", "properties"] and len(path) == 3:
            path[2] = path[2].replace("_", ".")
        if tuple(path) in found:
            raise ConfigError(f"{name}: {'.'.join(path)} is set by another variable as well; unset one of them")
        found[tuple(path)] = _parse(name, path, value)
    return [(list(path), value) for path, value in found.items()]


def variable(path: list[str]) -> str:
    """Return the variable that sets a key."""
    return ENV_PREFIX + "__".join(part.replace(".", "_") for part in path).upper()


def _contents(name: str, path: str) -> str:
    """Read a secret without the newline that editors put at the end of a file."""
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{name}: cannot read {path}: {exc}") from exc


def _parse(name: str, path: list[str], value: str) -> object:
    if path in _LISTS:
        return [part.strip() for part in value.split(",") if part.strip()]
    if path in _TABLES:
        try:
            return tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError as exc:
            raise ConfigError(f"{name}: not a TOML inline table: {exc}") from exc
    return value
