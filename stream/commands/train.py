"""``chatwarden train``: fine-tune a checkpoint on your own and public lines into a bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from stream.commands.data_options import (
    DataFolder,
    Inputs,
    LabelColumn,
    LabelMapFile,
    MatchColumn,
    TaxonomyFile,
    TextColumn,
)
from stream.commands.workshop import make_room, say, translated
from stream.errors import ConfigError

Data = Annotated[Path, typer.Argument(metavar="DATA", help="Your labelled lines: csv, tsv, jsonl (.gz) or parquet.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The bundle; must not exist.")]
Base = Annotated[str | None, typer.Option(help="Hub name or folder of a checkpoint; by default the shipped bundle.")]
HeldBack = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your own held-out lines; refused if they are in the training data.")
]
Sources = Annotated[
    str | None,
    typer.Option(metavar="LIST", help="Public sets to add from --public, comma-separated; jigsaw by default."),
]
SettingsFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="TOML with training settings; options take precedence.")
]
Work = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Keep checkpoints here; an interrupted run resumes from the last.")
]
Epochs = Annotated[float | None, typer.Option(help="Maximum passes over the lines.")]
LearningRate = Annotated[
    float | None, typer.Option(help="Highest learning rate; by default by the size of the network.")
]
BatchSize = Annotated[int | None, typer.Option(help="Lines per step and device.")]
MaxTokens = Annotated[int | None, typer.Option(help="Tokens per input window.")]
Metric = Annotated[
    str | None, typer.Option(help="Metric that selects the best epoch: average_precision, auc, macro_f1 or loss.")
]
Precision = Annotated[float | None, typer.Option(help="Target precision for the suggested thresholds.")]
Seed = Annotated[int | None, typer.Option(help="Random seed of the split, order, disguises and new weights.")]
Curve = Annotated[
    str | None,
    typer.Option("--learning-curve", metavar="LIST", help="Also train on this many of your lines: 100,300,1000,3000."),
]


def train(
    data: Data,
    output: Output,
    base: Base = None,
    taxonomy: TaxonomyFile = None,
    labels: LabelMapFile = None,
    text: TextColumn = "text",
    label: LabelColumn = "label",
    match: MatchColumn = None,
    test: HeldBack = None,
    public: DataFolder = None,
    sources: Sources = None,
    settings: SettingsFile = None,
    work: Work = None,
    epochs: Epochs = None,
    learning_rate: LearningRate = None,
    batch_size: BatchSize = None,
    max_tokens: MaxTokens = None,
    metric: Metric = None,
    precision: Precision = None,
    seed: Seed = None,
    curve: Curve = None,
) -> None:
    """Fine-tune a classifier for your own categories, measure it on held-out lines, and write a bundle.

    The split keeps equal texts, and lines of one match, on one side.  For several GPUs start it with `accelerate launch
    -m stream train ...`.  The bundle has a model card; DIR-report.html and DIR-report.json are written beside it.

    Exit codes: 0 done · 2 data, settings, base or output cannot be used (a leak, too) · 74 a file fails.
    """
    inputs = Inputs(taxonomy, labels, text, label, match)
    given: dict[str, object] = {"epochs": epochs, "learning_rate": learning_rate, "batch_size": batch_size}
    given |= {
        "max_tokens": max_tokens,
        "base": base,
        "metric": metric,
        "precision": precision,
        "seed": seed,
    }
    _run(Files(data, output, test, public, settings, work), inputs, given, _names(sources, public), _sizes(curve))


@dataclass(frozen=True, slots=True)
class Files:
    """What the command reads and writes."""

    data: Path
    output: Path
    test: Path | None
    public: Path | None
    settings: Path | None
    work: Path | None


def _run(
    files: Files, inputs: Inputs, given: dict[str, object], sources: tuple[str, ...], curve: tuple[int, ...]
) -> None:
    with translated():
        # Cheap checks come before the slow imports.
        from model.training.beforehand import refuse_places, refuse_sizes, report_of
        from model.training.report import report_paths
        from model.training.settings import TrainingSettings
        from model.training.tables import check_there
        from stream.settings import leads

        chosen, categories = TrainingSettings.read(files.settings, given), inputs.categories()
        refuse_sizes(curve)
        refuse_places(files.output, files.work)
        make_room(*report_paths(report_of(files.output)))
        check_there(files.data, files.test, inputs.labels)
        tell = say if leads() else _silently
        tell("loading the training libraries")
        from model.training.jobs import TrainJob, run_training

        job = TrainJob(
            data=files.data,
            output=files.output,
            settings=chosen,
            taxonomy=categories,
            columns=inputs.columns(),
            label_map=inputs.labels,
            test=files.test,
            public=files.public,
            sources=sources,
            work=files.work,
            curve=curve,
        )
        for path in run_training(job, tell):
            typer.echo(path)


def _silently(_: str) -> None:
    pass


def _names(given: str | None, public: Path | None) -> tuple[str, ...]:
    if given is not None and public is None:
        raise ConfigError(f"--sources {given}: give --public, the folder that holds them")
    return tuple(part.strip() for part in ("jigsaw" if given is None else given).split(",") if part.strip())


def _sizes(given: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in given.split(",")) if given else ()
    except ValueError as exc:
        raise ConfigError(f"--learning-curve {given!r}: write numbers with commas between, as 100,300,1000") from exc
