"""``chatwarden train``: fine-tune a base on your own lines and public ones; out comes a bundle."""

from pathlib import Path
from typing import Annotated

import typer

from stream.commands.data_options import DataFolder, LabelColumn, LabelMapFile, MatchColumn, TaxonomyFile, TextColumn
from stream.commands.workshop import say, translated
from stream.errors import ConfigError


def train(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Your labelled lines: csv, tsv, jsonl (.gz) or parquet.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The bundle; must not exist.")],
    base: Annotated[
        str | None, typer.Option(help="Hub name or folder of a checkpoint; the bundle that ships by default.")
    ] = None,
    taxonomy: TaxonomyFile = None,
    labels: LabelMapFile = None,
    text: TextColumn = "text",
    label: LabelColumn = "label",
    match: MatchColumn = None,
    test: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Held-back lines of your own; refused if training knows them.")
    ] = None,
    public: DataFolder = None,
    sources: Annotated[
        str, typer.Option(metavar="LIST", help="Public sets to add, comma separated (with --public).")
    ] = "jigsaw",
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML of training settings; options win over it.")
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep checkpoints here; a run that stopped goes on from the last."),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Most passes over the lines.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Lines per step and device.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens read at once.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Chooses the best epoch: average_precision, auc, macro_f1 or loss.")
    ] = None,
    precision: Annotated[float | None, typer.Option(help="Wanted of the suggested thresholds.")] = None,
    seed: Annotated[int | None, typer.Option(help="Fixes split, order, disguises and new weights.")] = None,
    curve: Annotated[
        str | None,
        typer.Option("--learning-curve", metavar="LIST", help="Also train on so many own lines: 100,300,1000,3000."),
    ] = None,
) -> None:
    """Fine-tune a classifier for your own categories, measure it on lines it has not seen, and write a bundle.

    The split keeps equal texts, and lines of one match, on one side.  Several GPUs: start it with `accelerate launch -m
    stream train ...`.  The bundle holds a model card; REPORT.html and .json lie beside it.

    Exit codes: 0 done · 2 data, settings, base or output cannot be used (a leak is refused).
    """
    with translated():
        from model.training.jobs import TrainJob, run_training
        from model.training.settings import TrainingSettings
        from stream.commands.data_options import Inputs

        given = {
            "base": base or _shipped(settings),
            "epochs": epochs,
            "learning_rate": learning_rate,
            "batch_size": batch_size,
            "max_tokens": max_tokens,
            "metric": metric,
            "precision": precision,
            "seed": seed,
        }
        inputs = Inputs(taxonomy, labels, text, label, match)
        job = TrainJob(
            data=data,
            output=output,
            settings=TrainingSettings.read(settings, given),
            taxonomy=inputs.categories(),
            columns=inputs.columns(),
            label_map=labels,
            test=test,
            public=public,
            sources=tuple(part.strip() for part in sources.split(",") if part.strip()),
            work=work,
            curve=_sizes(curve),
        )
        for path in run_training(job, say):
            typer.echo(path)


def _sizes(given: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in given.split(",")) if given else ()
    except ValueError as exc:
        raise ConfigError(f"--learning-curve {given!r}: write numbers with commas between, as 100,300,1000") from exc


def _shipped(settings: Path | None) -> str | None:
    """Return the base when neither option nor file names one: the bundle that ships with the product."""
    from model.bundle import DEFAULT_BUNDLE

    return None if settings else str(DEFAULT_BUNDLE)
