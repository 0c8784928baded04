"""What a replay needs beyond the worker's own dependencies."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from stream.errors import ConfigError

NEEDED: Final = ("fsspec", "jinja2", "matplotlib", "pyarrow")


def check_extras(find: Callable[[str], object | None] = find_spec) -> None:
    """Check before the run that required libraries are installed.

    Raises:
        ConfigError: a library is not installed; names its extra.
    """
    missing = [name for name in NEEDED if find(name) is None]
    if missing:
        raise ConfigError(f"{', '.join(missing)} not installed; install chatwarden with its workshop extra")
