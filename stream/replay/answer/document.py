"""The results as one document: the contents of ``report.json``, and the input of the HTML page."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from schemas.taxonomy import NON_TOXIC
from schemas.verdict import ACTIONS
from stream.replay.answer.counts import ANY, NOBODY, SIDES, Cell, Counts, SideName
from stream.replay.answer.flips import Row
from stream.replay.answer.players import PlayerFlips
from stream.replay.answer.quality import DECIMALS, area_under_curve, confusion, confusion_of, sweep

FORMAT: Final = 1
MOST_ROWS: Final = 200
"""Rows of a breakdown; rarer ones are summed up in one more."""
REST: Final = "(the rest)"

Document = dict[str, Any]


def build_document(about: Document, counts: Counts, players: PlayerFlips, sample: Sequence[Row]) -> Document:
    """Assemble the document.  Equal arguments give equal documents; it contains no times."""
    compared = {cell: n for cell, n in counts.cells.items() if cell.baseline_action and cell.candidate_action}
    flipped = {cell: n for cell, n in compared.items() if cell.baseline_action != cell.candidate_action}
    return {
        "format": FORMAT,
        **about,
        "digests": {side: [list(d[1:]) for d in sorted(counts.digests) if d[0] == side] for side in SIDES},
        "totals": _totals(counts, compared, flipped),
        "actions": _actions(compared),
        "load": {side: _load(counts, side) for side in SIDES},
        "flips": {
            "by_category": _breakdown(compared, _category),
            "by_game": _breakdown(compared, lambda cell: cell.game),
            "by_channel_kind": _breakdown(compared, lambda cell: cell.channel_kind or "(not known)"),
            "by_language": _breakdown(compared, lambda cell: cell.lang or "(not known)"),
            "by_categories": _transitions(flipped),
        },
        "players": _players(players),
        "quality": _quality(counts),
        "sweeps": {side: _sweeps(counts, side) for side in SIDES},
        "answered_by": {
            side: {kind: n for (s, kind), n in sorted(counts.resolved_by.items()) if s == side} for side in SIDES
        },
        "sample": list(sample),
    }


def _actions(compared: dict[Cell, int]) -> Document:
    """Count events by the baseline's action, then by the candidate's."""
    table = Counter[tuple[str, str]]()
    for cell, n in compared.items():
        table[cell.baseline_action, cell.candidate_action] += n
    return {before: {after: table[before, after] for after in ACTIONS} for before in ACTIONS}


def _load(counts: Counts, side: SideName) -> Document:
    """Count the events that a side has decided, labelled or not, and those it acts upon."""
    said = [
        (cell.baseline_action if side == "baseline" else cell.candidate_action, n) for cell, n in counts.cells.items()
    ]
    judged = sum(n for action, n in said if action != NOBODY)
    acted = sum(n for action, n in said if action not in (NOBODY, "allow"))
    return {"judged": judged, "acted_upon": acted, "share": _share(acted, judged)}


def _sum(cells: dict[Cell, int], chosen: Callable[[Cell], bool]) -> int:
    return sum(n for cell, n in cells.items() if chosen(cell))


def _totals(counts: Counts, compared: dict[Cell, int], flipped: dict[Cell, int]) -> Document:
    events = counts.cells.total()
    both = sum(compared.values())
    flips = sum(flipped.values())
    return {
        "records": events + counts.dead_letters.total(),
        "events": events,
        "dead_letters": dict(sorted(counts.dead_letters.items())),
        "without_baseline": _sum(counts.cells, lambda cell: cell.baseline_action == NOBODY),
        "without_candidate": _sum(counts.cells, lambda cell: cell.candidate_action == NOBODY),
        "recorded_of_no_category": dict(sorted(counts.foreign.items())),
        "left_out": counts.left_out,
        "compared": both,
        "flips": flips,
        "flip_share": _share(flips, both),
        "stricter": _sum(flipped, _stricter),
        "milder": flips - _sum(flipped, _stricter),
        "other_category": _sum(
            compared,
            lambda cell: (
                cell.baseline_action == cell.candidate_action != "allow"
                and cell.baseline_category != cell.candidate_category
            ),
        ),
    }


def _stricter(cell: Cell) -> bool:
    return ACTIONS.index(cell.candidate_action) > ACTIONS.index(cell.baseline_action)


def _category(cell: Cell) -> str:
    """The category of a cell: the deciding one of the stricter side."""
    if cell.baseline_action == "allow":
        return cell.candidate_category
    if cell.candidate_action == "allow":
        return cell.baseline_category
    return cell.candidate_category if _stricter(cell) else cell.baseline_category


def _breakdown(compared: dict[Cell, int], key: Callable[[Cell], str]) -> list[Document]:
    """Count events, flips and their direction by a key; most frequent flips first."""
    rows: dict[str, Counter[str]] = {}
    for cell, n in compared.items():
        row = rows.setdefault(key(cell), Counter())
        row["compared"] += n
        if cell.baseline_action != cell.candidate_action:
            row["stricter" if _stricter(cell) else "milder"] += n
    ordered = sorted(
        rows.items(), key=lambda item: (-item[1]["stricter"] - item[1]["milder"], -item[1]["compared"], item[0])
    )
    rest = Counter[str]()
    for _, row in ordered[MOST_ROWS:]:
        rest.update(row)
    shown = ordered[:MOST_ROWS] + ([(REST, rest)] if rest else [])
    return [
        {
            "name": name,
            "compared": row["compared"],
            "flips": row["stricter"] + row["milder"],
            "flip_share": _share(row["stricter"] + row["milder"], row["compared"]),
            "stricter": row["stricter"],
            "milder": row["milder"],
        }
        for name, row in shown
    ]


def _transitions(flipped: dict[Cell, int]) -> list[Document]:
    """Count flips by both sides' action and category, most frequent first."""
    counts = Counter[tuple[str, ...]]()
    for cell, n in flipped.items():
        counts[cell[3:]] += n
    names = Cell._fields[3:]
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_ROWS]
    return [{**dict(zip(names, key, strict=True)), "flips": n} for key, n in ordered]


def _players(players: PlayerFlips) -> Document:
    found: Document = {"acted_upon_by_either": players.acted_upon}
    for action, word in (("flag", "flagged"), ("block", "blocked")):
        found[f"newly_{word}"], found[f"no_longer_{word}"] = players.crossing(action)
    found["by_worst_action"] = [{"baseline": b, "candidate": c, "players": n} for (b, c), n in players.worst.items()]
    return found


def _quality(counts: Counts) -> Document | None:
    """Return figures against the labels; None if no event has one."""
    if not counts.labelled:
        return None
    labels = Counter[str]()
    for entry, n in counts.labelled.items():
        labels[entry.label] += n
    toxic = sorted(set(labels) - {NON_TOXIC})
    found: Document = {
        "labelled": labels.total(),
        "labels": dict(sorted(labels.items())),
        "labels_of_no_category": _of_no_category(counts, labels),
    }
    for side in SIDES:
        found[side] = {
            **confusion(counts.labelled, side).figures(),
            "auc": _auc(counts, side, ANY),
            "by_category": {
                name: {**confusion_of(counts.labelled, side, name).figures(), "auc": _auc(counts, side, name)}
                for name in toxic
            },
        }
    return found


def _of_no_category(counts: Counts, labels: Counter[str]) -> dict[str, int]:
    """Return the labels without a category of the candidate: typos, or names of another taxonomy."""
    known = {NON_TOXIC, *(category for side, category in counts.scores if side == "candidate" and category != ANY)}
    return {label: n for label, n in sorted(labels.items()) if label not in known}


def _auc(counts: Counts, side: str, category: str) -> float | None:
    histogram = counts.scores.get((side, category))
    return None if histogram is None else area_under_curve(histogram)


def _sweeps(counts: Counts, side: str) -> Document:
    """Return the effect of each threshold, by category; ``all`` is their sum, without ``non_toxic``."""
    return {
        category or "all": sweep(histogram)
        for (name, category), histogram in sorted(counts.scores.items())
        if name == side
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, DECIMALS) if whole else None
