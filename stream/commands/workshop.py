"""What the workshop's commands share: translated errors, and progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from model.errors import DeviceError, ModelError
from stream.errors import ConfigError, FileError


@contextmanager
def translated() -> Iterator[None]:
    """Translate errors of the model side into configuration errors, and failed file access into file errors.

    Raises:
        ConfigError: with the message of the original.
        FileError: a file cannot be read or written.
    """
    from schemas.taxonomy import TaxonomyError

    try:
        yield
    except (ModelError, DeviceError, TaxonomyError) as exc:
        raise ConfigError(str(exc)) from exc
    except BrokenPipeError:
        raise  # of standard output: the command line knows
    except OSError as exc:
        raise FileError(f"{exc.filename}: {exc.strerror}" if exc.filename else str(exc)) from exc


def make_room(*outputs: Path) -> None:
    """Check that files can be written, before work that may take hours; creates their folders.

    Raises:
        OSError: one of them cannot be.
    """
    for output in outputs:
        output.parent.mkdir(parents=True, exist_ok=True)
        new = not output.exists()
        output.open("ab").close()
        if new:
            output.unlink()


def say(message: str) -> None:
    """Report progress on standard error."""
    typer.echo(message, err=True)
