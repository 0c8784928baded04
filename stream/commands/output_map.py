"""What a network's outputs mean, as a file."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.faults import faults
from schemas.taxonomy import CategoryName
from stream.errors import ConfigError


class OutputMap(BaseModel):
    """What a network's outputs mean: label to category, and the labels that are not used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[str, CategoryName]
    unused: tuple[str, ...] = ()

    def by_label(self) -> dict[str, CategoryName | None]:
        """Return the category of each output; None for unused ones."""
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
            said = faults(exc) if isinstance(exc, ValidationError) else str(exc)
            raise ConfigError(f'{path}: {said}; write [labels] LABEL = "category" and unused = ["LABEL"]') from exc
