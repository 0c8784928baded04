"""What the workshop's commands share: foreign errors as ours, label files, paths that must not exist yet."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from pydantic import BaseModel, ConfigDict, ValidationError

from model.errors import DeviceError, ModelError
from schemas.taxonomy import CategoryName, TaxonomyError
from stream.errors import ConfigError


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the model side refuses into a configuration error.

    Raises:
        ConfigError: with the message of the original.
    """
    try:
        yield
    except (ModelError, DeviceError, TaxonomyError) as exc:
        raise ConfigError(str(exc)) from exc


def say(message: str) -> None:
    """Report progress on standard error."""
    typer.echo(message, err=True)


class OutputMap(BaseModel):
    """What a network's outputs mean: label to category, and the labels that are not used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[str, CategoryName]
    unused: tuple[str, ...] = ()

    def by_label(self) -> dict[str, CategoryName | None]:
        """Return the category of each output, None for the unused ones."""
        return {**self.labels, **dict.fromkeys(self.unused)}

    @classmethod
    def from_toml(cls, path: Path) -> "OutputMap":
        """Read an output map.

        Raises:
            ConfigError: the file is unreadable or no output map.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as exc:
            raise ConfigError(f'{path}: {exc}; write [labels] LABEL = "category" and unused = ["LABEL"]') from exc
