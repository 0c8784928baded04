"""The HTML page, for the person who decides whether a change goes live.  One file that loads nothing."""

from pathlib import Path
from typing import Any, Final

from schemas.verdict import ACTIONS
from stream.replay.answer.counts import SIDES
from stream.replay.report import plots

Document = dict[str, Any]

TEMPLATE: Final = "page.html"
MOST_SWEEPS: Final = 12


def render(document: Document) -> str:
    """Return the HTML page for the results."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": _count, "percent": _percent, "figure": _figure}
    return environment.get_template(TEMPLATE).render(
        d=document,
        actions=ACTIONS,
        breakdowns=_breakdowns(document),
        sweeps=_sweeps(document),
        frontier=_frontier(document),
        met=all(limit["met"] for limit in document["limits"]),
        sources=_sources(document),
    )


def _breakdowns(document: Document) -> list[Document]:
    titles = {
        "by_category": "By category",
        "by_game": "By game",
        "by_channel_kind": "By channel",
        "by_language": "By language",
    }
    flips = document["flips"]
    return [
        {"title": title, "plot": plots.flips(flips[key]), "rows": flips[key][: plots.MOST_BARS]}
        for key, title in titles.items()
    ]


def _sweeps(document: Document) -> list[Document]:
    """Return a plot per category, those that score most often first."""
    sides: dict[str, dict[str, list[Document]]] = document["sweeps"]
    weights: dict[str, int] = {}
    for curves in sides.values():
        for category, points in curves.items():
            weights[category] = max(weights.get(category, 0), sum(point["events"] for point in points))
    weights.pop("all", None)
    chosen = sorted(weights, key=lambda category: (-weights[category], category))[:MOST_SWEEPS]
    drawn = [
        (
            category,
            plots.sweep(category, {side: curves[category] for side, curves in sides.items() if category in curves}),
        )
        for category in chosen
    ]
    return [{"category": category, "plot": plot} for category, plot in drawn if plot is not None]


def _frontier(document: Document) -> str | None:
    curves = {side: sweeps["all"] for side, sweeps in document["sweeps"].items() if "all" in sweeps}
    return plots.frontier(curves, policies(document))


def policies(document: Document) -> dict[str, tuple[float, float]]:
    """Return, by side, the share of all events that its policy acts upon, and its recall."""
    quality = document["quality"]
    caught = {side: quality[side]["recall"] for side in SIDES} if quality else {"candidate": _agreement(document)}
    load = document["load"]
    return {side: (load[side]["share"], recall) for side, recall in caught.items() if recall is not None}


def _agreement(document: Document) -> float | None:
    """Return the share of the baseline's actions that the candidate also takes."""
    table = document["actions"]
    ought = sum(table[before][after] for before in ("flag", "block") for after in ACTIONS)
    caught = sum(table[before][after] for before in ("flag", "block") for after in ("flag", "block"))
    return caught / ought if ought else None


def _sources(document: Document) -> Document:
    """Describe the source of history and the compared sides."""
    history = document["history"]
    if "topic" in history:
        span = f"from {history['from'] or 'the oldest record available'} to {history['to'] or 'the newest then'}"
        where = f"topic {history['topic']}, {span}, {len(history['partitions'])} partitions"
    else:
        files = history["files"]
        where = files[0] if len(files) == 1 else f"{len(files)} files, {files[0]} to {files[-1]}"
    depth = {
        "redecide": "the candidate policy over the scores as recorded",
        "rescore": "every message scored again by the candidate",
        "full": "every message through the whole live code",
    }[document["depth"]]
    kind, name = document["baseline"]["kind"], document["baseline"]["name"]
    baseline = {
        "recorded": "the verdicts as recorded",
        "bundle": f"bundle {name}, under the candidate's policy",
        "policy": f"policy {name}, over the same scores",
        "labels": f"the labels in metadata.{name}",
    }[kind]
    candidate = f"bundle {document['candidate']['bundle']}, policy {document['candidate']['policy']}"
    return {"where": where, "depth": depth, "baseline": baseline, "candidate": candidate}


def _count(number: float) -> str:
    return f"{number:,}"


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    return f"{share:.2%}" if share < 0.1 else f"{share:.1%}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
