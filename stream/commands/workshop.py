"""What the workshop's commands share: foreign errors as ours, and progress."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from model.errors import DeviceError, ModelError
from stream.errors import ConfigError


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the model side refuses into a configuration error.

    Raises:
        ConfigError: with the message of the original.
    """
    from schemas.taxonomy import TaxonomyError

    try:
        yield
    except (ModelError, DeviceError, TaxonomyError) as exc:
        raise ConfigError(str(exc)) from exc


def say(message: str) -> None:
    """Report progress on standard error."""
    typer.echo(message, err=True)
