"""Taxonomy: the customer's categories, as data."""

import tomllib
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from schemas.faults import faults

NON_TOXIC: Final = "non_toxic"
"""The category of a harmless message; every taxonomy has it."""

ANY: Final = "any"
"""Not a category: among limits by category it stands for the sum of several scores."""

CategoryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Severity = Annotated[int, Field(strict=True, ge=0, le=4)]


class TaxonomyError(ValueError):
    """A taxonomy that cannot be used; the message names the file, the place and how to fix it."""


class Category(BaseModel):
    """One class of message.  Severity runs from 0 (harmless) to 4 (act at once)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: CategoryName
    severity: Severity
    description: Annotated[str, Field(min_length=1)]

    @field_validator("name")
    @classmethod
    def _of_one(cls, name: str) -> str:
        if name == ANY:
            raise ValueError(f"{ANY!r} is no name for a category: in a policy it stands for several together")
        return name


class Taxonomy(BaseModel):
    """Categories in a fixed order: position ``i`` of every score vector belongs to category ``i``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=64)]
    categories: Annotated[tuple[Category, ...], Field(min_length=2, max_length=256)]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        names = self.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"categories named twice: {', '.join(twice)}")
        if NON_TOXIC not in names:
            raise ValueError(f"no category is named {NON_TOXIC!r}; add it with severity 0")
        if self.categories[names.index(NON_TOXIC)].severity:
            raise ValueError(f"{NON_TOXIC!r} must have severity 0")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Category names, in score order."""
        return tuple(category.name for category in self.categories)

    @property
    def severities(self) -> tuple[int, ...]:
        """Severities, in score order."""
        return tuple(category.severity for category in self.categories)

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a taxonomy file.

        Raises:
            TaxonomyError: the file is unreadable or not a taxonomy.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValidationError as exc:
            raise TaxonomyError(f"{path}: {faults(exc)}") from exc
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
            raise TaxonomyError(f"{path}: {exc}") from exc
