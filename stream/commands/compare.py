"""``chatwarden compare``: compares bundles, and the two-stage form, on the same lines."""

import json
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from stream.commands.data_options import Inputs, LabelColumn, LabelMapFile, MatchColumn, TaxonomyFile, TextColumn
from stream.commands.workshop import make_room, say, translated
from stream.errors import ConfigError

if TYPE_CHECKING:
    from model.bundle import Bundle
    from model.torch_classifier import TorchClassifier


Data = Annotated[Path, typer.Argument(metavar="DATA", help="Held-out labelled lines: csv, tsv, jsonl or parquet.")]
Bundles = Annotated[list[Path], typer.Argument(metavar="BUNDLE...", help="The bundles, one stage each.")]
TwoStage = Annotated[
    list[str] | None,
    typer.Option(metavar="BINARY:FINE", help="Also the two-stage form of two bundles; may be given several times."),
]
Train = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Training lines: adds the linear baseline; refused if they leak.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The table as JSON.")]
Device = Literal["auto", "cpu", "cuda"]
DeviceOption = Annotated[Device, typer.Option(help="Where the networks run.")]


def compare(
    data: Data,
    bundles: Bundles,
    two_stage: TwoStage = None,
    train: Train = None,
    output: Output = None,
    taxonomy: TaxonomyFile = None,
    labels: LabelMapFile = None,
    text: TextColumn = "text",
    label: LabelColumn = "label",
    match: MatchColumn = None,
    device: DeviceOption = "auto",
) -> None:
    """Compare models on the same held-out lines: quality with intervals, and the cost per message.

    Exit codes: 0 compared · 2 a bundle or the data cannot be used · 74 a file cannot be read or written.
    """
    with translated():
        from model.training import compare as comparison
        from model.training.evaluate import not_known
        from model.training.floor import fit_floor
        from model.training.jobs import lines_to_measure
        from model.training.metrics import Bootstrap

        stages = [_pair(given) for given in two_stage or []]
        make_room(*([] if output is None else [output]))
        inputs = Inputs(taxonomy, labels, text, label, match)
        categories = inputs.categories()
        held_back, learn = lines_to_measure(data, train, inputs.columns(), categories, labels)
        contenders = comparison.contenders_of(bundles, stages, categories, partial(_load, device))
        if learn is not None:
            say("fitting the linear floor")
            contenders["linear floor"] = fit_floor(learn, len(categories.names))
        measured = comparison.compare(contenders, held_back, categories, Bootstrap(), time.perf_counter, say)
        document = comparison.as_document(measured)
    typer.echo(comparison.as_markdown(document))
    if reason := not_known(held_back, categories):
        typer.echo(f"– is undefined: {reason}")
    if output is not None:
        _write(output, document)


def _write(output: Path, document: dict[str, object]) -> None:
    with translated():
        output.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _load(device: Device, bundle: "Bundle") -> "TorchClassifier":
    from model.torch_classifier import TorchClassifier

    say(f"loading {bundle.manifest.name}")
    return TorchClassifier(bundle, device)


def _pair(given: str) -> tuple[Path, Path]:
    first, colon, second = given.partition(":")
    if not colon or not first or not second:
        raise ConfigError(f"--two-stage {given!r}: write BINARY:FINE, two bundles with a colon between")
    return Path(first), Path(second)
