"""What the workshop's commands share: foreign errors as ours, and progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from model.errors import DeviceError, ModelError
from stream.errors import ConfigError, FileError


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the model side refuses into a configuration error, and a file that fails into a file error.

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
    """See that files can be written, before work that may take hours; makes the folders around them.

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
