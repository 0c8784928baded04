"""Evaluations as a page and as a model card."""

import base64
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Document = Mapping[str, Any]

TEMPLATES: Final = Path(__file__).parent / "templates"
_ENDINGS: Final = (".json", ".html")
_INK: Final = ["#1b6ca8", "#c4473a", "#3a7d44", "#8a5fa8", "#b07d2b", "#555555"]


def page(title: str, evaluations: Mapping[str, Document]) -> str:
    """Return one HTML page for one or several models measured on the same set, by name; needs no network."""
    return (
        _environment("html")
        .get_template("report.html.j2")
        .render(title=title, evaluations=evaluations, plots=_plots(evaluations))
    )


def report_paths(path: Path) -> list[Path]:
    """Return the paths of a report, JSON and HTML, whichever of the two ``path`` names, if any."""
    bare = path.with_suffix("") if path.suffix in _ENDINGS else path
    return [bare.with_name(bare.name + ending) for ending in _ENDINGS]


def write_report(path: Path, title: str, evaluations: Mapping[str, Document]) -> list[Path]:
    """Write evaluations as JSON and as a page beside it; return both paths."""
    path.parent.mkdir(parents=True, exist_ok=True)
    as_json, as_page = report_paths(path)
    evaluations = finite(evaluations)
    as_json.write_text(json.dumps(evaluations, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    as_page.write_text(page(title, evaluations), encoding="utf-8")
    return [as_json, as_page]


def finite(document: Any) -> Any:
    """Return plain data with None instead of NaN, which JSON lacks."""
    if isinstance(document, Mapping):
        return {name: finite(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [finite(value) for value in document]
    return None if isinstance(document, float) and not math.isfinite(document) else document


def card(manifest: Document, evaluation: Document, floor: Document | None, rows: Mapping[str, int]) -> str:
    """Return a model card in Markdown.

    Args:
        manifest: the bundle's manifest, as plain data.
        evaluation: what ``evaluate`` measured on the held-out set.
        floor: the same for the linear baseline; None if it was not fitted.
        rows: lines by side of the split.
    """
    template = _environment("md").get_template("card.md.j2")
    return template.render(manifest=manifest, evaluation=evaluation, floor=floor, rows=rows)


def interval(values: Sequence[float | None]) -> str:
    """Format a metric with its interval, even a zero-width one; a dash if undefined."""
    value, low, high = values
    return "–" if value is None else f"{value:.3f} ({low:.3f}–{high:.3f})"


def in_numbers(values: Sequence[float | None]) -> str:
    """Format a count with its interval."""
    value, low, high = values
    return "–" if value is None else f"{value:,.0f} ({low:,.0f}–{high:,.0f})"


def _environment(kind: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=kind == "html",  # noqa: S701 - a model card is Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["interval"] = interval
    environment.filters["in_numbers"] = in_numbers
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    return environment


def _plots(evaluations: Mapping[str, Document]) -> list[tuple[str, str]]:
    """Plot the curves; each plot is a caption and a PNG as base64."""
    drawn = [(name, found["curves"]) for name, found in evaluations.items() if found.get("curves")]
    if not drawn:
        return []
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for (name, curves), ink in zip(drawn, _INK * len(drawn), strict=False):
        left.plot(*_axes(curves["precision_recall"]), color=ink, label=name)
        middle.plot(*_axes(curves["roc"]), color=ink, label=name)
        right.plot(*_axes(curves["reliability"]), color=ink, marker="o", label=name)
    _finish(left, "precision and recall", "recall", "precision")
    _finish(middle, "ROC", "false positive rate", "true positive rate")
    right.plot([0, 1], [0, 1], color="#bbbbbb", linestyle=":")
    _finish(right, "calibration", "score", "share of toxic lines")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=90)
    return [("Toxic or not, on the held-out set", base64.b64encode(image.getvalue()).decode())]


def _axes(points: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]


def _finish(axes: "Axes", title: str, x: str, y: str) -> None:
    axes.set(title=title, xlabel=x, ylabel=y, xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)
