"""Plots of the results, as SVG.  Equal results give equal bytes."""

import base64
import io
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

Document = dict[str, Any]

STRICTER: Final = "#c2410c"
MILDER: Final = "#1d4ed8"
BASELINE: Final = "#6b7280"
CANDIDATE: Final = "#0f766e"
MOST_BARS: Final = 12
_MOST_SHOWN: Final = 32
_ODD: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""Characters that XML forbids or that a one-line label cannot show."""
_NO_GLYPH: Final = r"Glyph \d+ .* missing from font|.* does not support \w+ natively"
_STYLE: Final[Any] = {
    "svg.hashsalt": "chatwarden",
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans", "sans-serif"],
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "axes.axisbelow": True,
}


def flips(rows: Sequence[Document]) -> str | None:
    """Draw stricter flips to the right and milder ones to the left, one bar per row; None where nothing flips."""
    shown = [row for row in rows if row["flips"]][:MOST_BARS][::-1]
    if not shown:
        return None

    def draw(axes: Any) -> None:
        places = range(len(shown))
        axes.barh(places, [row["stricter"] for row in shown], color=STRICTER, label="stricter")
        axes.barh(places, [-row["milder"] for row in shown], color=MILDER, label="milder")
        axes.set_yticks(places, [_label(row["name"]) for row in shown])
        axes.axvline(0, color="#374151", linewidth=0.8)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
        axes.set_xlabel("messages that flip")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)

    return _image(draw, 1.1 + 0.27 * len(shown))


def sweep(category: str, sides: dict[str, Sequence[Document]]) -> str | None:
    """Draw the share of messages at or above each threshold; None where a category never scores."""
    if not any(point["events"] for points in sides.values() for point in points):
        return None

    def draw(axes: Any) -> None:
        for side, points in sides.items():
            colour = CANDIDATE if side == "candidate" else BASELINE
            known = [(point["threshold"], 100 * point["share"]) for point in points if point["share"]]
            axes.plot(*zip(*known, strict=True), color=colour, label=side) if known else None
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
        axes.set_xlim(0, 1)
        axes.set_xlabel(f"threshold for {category}")
        axes.set_ylabel("messages at or above")
        axes.legend(loc="upper right", frameon=False)

    return _image(draw, 2.6)


def frontier(sides: dict[str, Sequence[Document]], points: dict[str, tuple[float, float]]) -> str | None:
    """Draw recall against the share acted upon, for every threshold on the sum of scores, and both policies.

    ``points`` are the policies as they are: (share acted upon, share caught).
    """
    if not any(point["recall"] for curve in sides.values() for point in curve):
        return None

    def draw(axes: Any) -> None:
        for side, curve in sides.items():
            colour = CANDIDATE if side == "candidate" else BASELINE
            known = [(100 * p["share"], 100 * p["recall"]) for p in curve if p["share"] and p["recall"] is not None]
            if known:
                axes.plot(*zip(*known, strict=True), color=colour, label=f"{side}: one threshold for all")
            if place := points.get(side):
                axes.plot(100 * place[0], 100 * place[1], "o", color=colour, markersize=9, label=f"{side}: its policy")
        axes.set_xlabel("messages acted upon (the moderators' load), %")
        axes.set_ylabel("positives acted upon (recall), %")
        axes.set_ylim(0, 102)
        axes.legend(loc="lower right", frameon=False)

    return _image(draw, 3.6)


def _label(name: str) -> str:
    """Return a sender-chosen name as a label: on one line, shortened to the room available."""
    shown = _ODD.sub("\ufffd", name)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[: _MOST_SHOWN - 1]}…"


def _image(draw: Callable[[Any], None], height: float) -> str:
    """Return a drawing as a data URL."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Glyphs only measure the text here: the image contains the text itself, drawn with the reader's fonts.
        warnings.filterwarnings("ignore", _NO_GLYPH, UserWarning)
        figure = Figure(figsize=(6.4, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
