"""``chatwarden evaluate``: measure a bundle on held-out lines."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from stream.commands.data_options import Inputs, LabelColumn, LabelMapFile, MatchColumn, TaxonomyFile, TextColumn
from stream.commands.workshop import make_room, say, translated
from stream.errors import LimitsExceeded

Probes = Annotated[
    Path | None,
    typer.Option("--probes", metavar="DIR", help="Folder with HateCheck and identity templates, public sets."),
]


Data = Annotated[Path, typer.Argument(metavar="DATA", help="Held-out labelled lines: csv, tsv, jsonl or parquet.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Report; .json and .html are written.")]
Model = Annotated[
    Path | None, typer.Option("--model", metavar="DIR", help="The bundle; by default the one that ships.")
]
Train = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Training lines: adds the linear baseline; refused if they leak."),
]
LangColumn = Annotated[str | None, typer.Option(help="Column with the language; measures each with at least 30 lines.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where the network runs.")]
LeastAuc = Annotated[float | None, typer.Option(min=0, max=1, help="Minimum AUC; exit with 1 below it.")]
LeastMacroF1 = Annotated[float | None, typer.Option(min=0, max=1, help="Minimum macro F1; exit with 1 below it.")]


def evaluate(
    data: Data,
    output: Output = Path("evaluation"),
    model: Model = None,
    train: Train = None,
    taxonomy: TaxonomyFile = None,
    labels: LabelMapFile = None,
    text: TextColumn = "text",
    label: LabelColumn = "label",
    match: MatchColumn = None,
    lang: LangColumn = None,
    probes: Probes = None,
    device: Device = "auto",
    least_auc: LeastAuc = None,
    least_macro_f1: LeastMacroF1 = None,
) -> None:
    """Measure a bundle on held-out lines and with probes.

    Precision, recall, F1 and AUC by category and binary, calibration, confusion matrix, languages, functional tests,
    disguises, identity terms; bootstrap intervals.

    Exit codes: 0 measured · 1 below a given limit · 2 bundle or data cannot be used · 74 a file cannot be read or
    written.
    """
    with translated():
        from model.bundle import DEFAULT_BUNDLE
        from model.training.jobs import EvaluateJob, run_evaluation
        from model.training.report import report_paths, write_report

        make_room(*report_paths(output))
        inputs = Inputs(taxonomy, labels, text, label, match, lang)
        bundles = (model or DEFAULT_BUNDLE,)
        job = EvaluateJob(bundles, data, inputs.categories(), inputs.columns(), labels, train, probes, device)
        found = run_evaluation(job, say)
        for path in write_report(output, f"{data.name}", found):
            typer.echo(path)
    _table(found)
    _hold(found, least_auc, least_macro_f1)


def _hold(found: dict[str, dict], least_auc: float | None, least_macro_f1: float | None) -> None:  # type: ignore[type-arg]  # plain JSON data
    name, measured = next(iter(found.items()))
    limits = ("AUC", measured["binary"]["auc"][0], least_auc), ("macro F1", measured["macro_f1"][0], least_macro_f1)
    missed = [
        f"{what} is undefined: {measured['not_known']}" if value is None else f"{what} {value} is below {least}"
        for what, value, least in limits
        if least is not None and (value is None or value < least)
    ]
    if missed:
        raise LimitsExceeded(f"{name}: {'; '.join(missed)}")


def _table(found: dict[str, dict]) -> None:  # type: ignore[type-arg]  # plain JSON data
    """Print the binary metrics, one column per model."""
    from model.training.report import interval

    typer.echo("".join(f"{name:>28}" for name in ["", *found]))
    for measure in next(iter(found.values()))["binary"]:
        cells = [interval(measured["binary"][measure]) for measured in found.values()]
        typer.echo(f"{measure:>28}" + "".join(f"{cell:>28}" for cell in cells))
    for measure in next(iter(found.values()))["default_policy"]:
        cells = [interval(m["default_policy"][measure]) if "default_policy" in m else "–" for m in found.values()]
        typer.echo(f"{'policy: ' + measure:>28}" + "".join(f"{cell:>28}" for cell in cells))
    typer.echo(f"{'macro_f1':>28}" + "".join(f"{interval(m['macro_f1']):>28}" for m in found.values()))
    if reason := next(iter(found.values()))["not_known"]:
        typer.echo(f"– is undefined: {reason}")
    for name, measured in found.items():
        _languages(name, measured["languages"])


def _languages(name: str, languages: dict[str, dict]) -> None:  # type: ignore[type-arg]  # plain JSON data
    """Print the metrics of each language."""
    from model.training.report import interval

    measures = ("auc", "precision", "recall", "f1")
    if languages:
        typer.echo("".join(f"{cell:>28}" for cell in (f"{name}, by language", "rows", *measures)))
    for language, found in languages.items():
        cells = [interval(found[measure]) for measure in measures] if "auc" in found else ["too few to measure"]
        typer.echo("".join(f"{cell:>28}" for cell in (language, f"{found['rows']:,}", *cells)))
