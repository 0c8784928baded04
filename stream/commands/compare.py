"""``chatwarden compare``: bundles, and the two-stage form, side by side on the same lines."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stream.commands.data_options import Inputs, LabelColumn, LabelMapFile, TaxonomyFile, TextColumn
from stream.commands.workshop import say, translated
from stream.errors import ConfigError

if TYPE_CHECKING:
    from model.bundle import Bundle
    from model.torch_classifier import TorchClassifier


def compare(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Held-back labelled lines: csv, tsv, jsonl or parquet.")],
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="The bundles, one stage each.")],
    two_stage: Annotated[
        list[str] | None,
        typer.Option(metavar="BINARY:FINE", help="Also the two-stage form of two bundles; may be given several times."),
    ] = None,
    train: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Training lines: adds the linear floor, refused if they leak.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The table as JSON.")] = None,
    taxonomy: TaxonomyFile = None,
    labels: LabelMapFile = None,
    text: TextColumn = "text",
    label: LabelColumn = "label",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where the networks run.")] = "auto",
) -> None:
    """Put models side by side on the same held-back lines: quality with intervals, and what a message costs.

    Exit codes: 0 compared · 2 a bundle or the data cannot be used.
    """
    with translated():
        from model.torch_classifier import TorchClassifier
        from model.training.compare import as_document, as_markdown, contenders_of
        from model.training.compare import compare as measure
        from model.training.data import hold_back, read_own
        from model.training.floor import fit_floor
        from model.training.metrics import Bootstrap

        def load(bundle: "Bundle") -> "TorchClassifier":
            say(f"loading {bundle.manifest.name}")
            return TorchClassifier(bundle, device)

        inputs = Inputs(taxonomy, labels, text, label)
        categories = inputs.categories()
        held_back = read_own(data, inputs.columns(), categories, labels)
        contenders = contenders_of(bundles, [_pair(given) for given in two_stage or []], categories, load)
        if train is not None:
            learn = read_own(train, inputs.columns(), categories, labels)
            hold_back(learn, held_back)
            say("fitting the linear floor")
            contenders["linear floor"] = fit_floor(learn, len(categories.names))
        rows = measure(contenders, held_back, categories, Bootstrap(), time.perf_counter, say)
    document = as_document(rows)
    typer.echo(as_markdown(document))
    if output is not None:
        output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _pair(given: str) -> tuple[Path, Path]:
    first, colon, second = given.partition(":")
    if not colon or not first or not second:
        raise ConfigError(f"--two-stage {given!r}: write BINARY:FINE, two bundles with a colon between")
    return Path(first), Path(second)
