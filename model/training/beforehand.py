"""Checks before a training run starts: names, folders, sizes, useless lines."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from model.bundle import BundleName
from model.checkpoint import make_way
from model.errors import DataError, WorkshopError
from model.training.data import Labelled
from schemas.taxonomy import Taxonomy

LEAST: Final = 40
"""Minimum labels of a point of the learning curve; with fewer, the development fifth has too few toxic lines."""


def refuse_places(output: Path, work: Path | None) -> None:
    """Refuse an output whose name no bundle can have, or that is inside the folder of checkpoints or contains it.

    Creates the folder of checkpoints and the output's parent.

    Raises:
        WorkshopError: names the folder and the fix.
        BundleError: the output is in use.
        OSError: a folder cannot be made or written.
    """
    try:
        TypeAdapter(BundleName).validate_python(output.name)
    except ValidationError as exc:
        raise WorkshopError(
            f"{output}: a bundle has the name of its folder: at most 100 letters, digits, '.', '_' and '-', "
            "starting with a letter or digit; name another folder"
        ) from exc
    make_way(output)
    if work is None:
        return
    inner, outer = output.resolve(), work.resolve()
    if inner == outer or inner in outer.parents or outer in inner.parents:
        raise WorkshopError(
            f"{output} and {work}: the bundle and --work need separate folders; choose another for one of them"
        )
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=work):
        pass


def report_of(output: Path) -> Path:
    """Return the path of a bundle's report, without its suffix: beside the bundle."""
    return output.with_name(f"{output.name}-report")


def refuse_sizes(sizes: Sequence[int]) -> None:
    """Refuse sizes of a learning curve that are too small.

    Raises:
        WorkshopError: one is below ``LEAST``.
    """
    if small := [size for size in sizes if size < LEAST]:
        raise WorkshopError(f"--learning-curve: {', '.join(map(str, small))}: sizes must be at least {LEAST} labels")


def refuse_one_sided(name: str, side: Labelled, taxonomy: Taxonomy) -> None:
    """Refuse lines that are useless for training or measuring.

    Raises:
        DataError: none of them is toxic, or none is clean.
    """
    from model.training.metrics import classes_of

    toxic = classes_of(side.targets, taxonomy).toxic
    for kind, there in (("toxic", toxic.any()), ("clean", not toxic.all())):
        if not there:
            raise DataError(f"no {kind} line among {len(side):,} {name} lines; give more lines, of both kinds")


def refuse_half_matched(path: Path, column: str | None, own: Labelled) -> None:
    """Refuse lines of which only some have a match if a match column was named: they cannot be split by match.

    Raises:
        DataError: says how many have none.
    """
    without = sum(not example.match for example in own.examples)
    if column is not None and without:
        raise DataError(
            f"{path}: {without:,} of {len(own):,} lines have no value in column {column!r}, so that their matches "
            "cannot be kept on one side; fill it, drop those lines, or leave out --match"
        )
