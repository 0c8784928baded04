"""Figures follow from counts, counts add up, and a page shows them without asking anybody."""

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from model.policy import Circumstances
from model.policy_columns import GRID
from stream.errors import ConfigError
from stream.replay.answer.counts import Cell, Counts, Labelled, Truth, count, read_counts, write_counts
from stream.replay.answer.document import REST, build_document
from stream.replay.answer.players import count_players
from stream.replay.answer.quality import area_under_curve, confusion, confusion_of, sweep
from stream.replay.history.events import Events
from stream.replay.judging.opinions import Opinions
from stream.replay.limits import Flips, Limits, missed
from stream.replay.parts import PLAYERS_PART, write_table
from stream.replay.report.page import policies, render

SVG: Final = "{http://www.w3.org/2000/svg}"
ACTIONS = ("allow", "flag", "block")
names = st.sampled_from(["insult", "threat", "non_toxic"])
cells = st.builds(
    Cell,
    st.sampled_from("ab"),
    st.just("team"),
    st.just("en"),
    st.sampled_from(ACTIONS),
    names,
    st.sampled_from(ACTIONS),
    names,
)
labelled = st.builds(Labelled, names, st.sampled_from(ACTIONS), names, st.sampled_from(ACTIONS), names)
histograms = st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, GRID)), st.integers(1, 9), max_size=30).map(
    lambda entries: _histogram(entries)
)


def _histogram(entries: dict[tuple[int, int], int]) -> Any:
    histogram = np.zeros((3, GRID + 1), np.int64)
    for place, amount in entries.items():
        histogram[place] = amount
    return histogram


def _counts(found: list[Cell], labels: list[Labelled], histogram: Any) -> Counts:
    return Counts(
        cells=Counter(found),
        labelled=Counter(labels),
        dead_letters=Counter({"not_json": 2}),
        resolved_by=Counter({("candidate", "rule"): len(found)}),
        scores={("candidate", ""): histogram, ("candidate", "insult"): histogram},
        digests={("candidate", "s" * 32, "p" * 32)},
    )


counts = st.builds(
    _counts, st.lists(cells, min_size=1, max_size=40), st.lists(labelled, min_size=1, max_size=40), histograms
)


@settings(max_examples=30)
@given(counts, counts)
def test_counts_survive_their_file_and_add_up_in_any_order(one: Counts, other: Counts) -> None:
    there, back = read_counts(write_counts(one)), read_counts(write_counts(other))
    assert write_counts(there) == write_counts(one)
    there.add(other)
    back.add(one)
    assert write_counts(there) == write_counts(back)


def test_any_sweeps_over_what_the_categories_come_to_together() -> None:
    scores = np.array([[700, 200, 100], [100, 450, 450], [0, 900, 800]], np.uint16)
    place = np.arange(3)
    opinions = Opinions(
        actions=np.array([0, 1, 1]),
        categories=np.array([0, 1, 1]),
        names=("non_toxic", "insult", "threat"),
        resolved_by=np.zeros(3, np.int64),
        rows=place,
        scores=scores,
        score_names=("non_toxic", "insult", "threat"),
        digests=frozenset(),
    )
    nowhere = [Circumstances("g", None, "")]
    events = Events(None, place * 0, place, place * 0, nowhere, lambda _: [], [], [], Counter())
    histograms = count(events, opinions, opinions, Truth.by_labels(["insult", "non_toxic", None])).scores
    truth, score = np.nonzero(histograms["candidate", ""])
    assert list(zip(truth.tolist(), score.tolist(), strict=True)) == [(0, 900), (1, 300), (2, GRID)]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, GRID)), min_size=2, max_size=60))
def test_area_under_the_curve_is_the_known_one(rows: list[tuple[bool, int]]) -> None:
    histogram = np.zeros((3, GRID + 1), np.int64)
    for true, score in rows:
        histogram[int(true), score] += 1
    if len({true for true, _ in rows}) < 2:
        assert area_under_curve(histogram) is None
    else:
        expected = roc_auc_score([true for true, _ in rows], [score for _, score in rows])
        assert area_under_curve(histogram) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=30)
@given(st.lists(labelled, min_size=1, max_size=60))
def test_precision_and_recall_are_the_known_ones(rows: list[Labelled]) -> None:
    true = [row.label != "non_toxic" for row in rows]
    found = [row.candidate_action != "allow" for row in rows]
    precision, recall, f1, _ = precision_recall_fscore_support(true, found, average="binary", zero_division=0.0)
    ours = confusion(Counter(rows), "candidate")
    assert (ours.precision or 0, ours.recall or 0, ours.f1 or 0) == pytest.approx((precision, recall, f1), abs=1e-6)


def test_a_category_is_hit_only_by_its_own_name() -> None:
    rows = Counter(
        [
            Labelled("insult", "allow", "non_toxic", "flag", "threat"),
            Labelled("insult", "allow", "non_toxic", "flag", "insult"),
        ]
    )
    assert confusion_of(rows, "candidate", "insult")[:3] == (1, 0, 1)
    assert confusion_of(rows, "candidate", "threat")[:3] == (0, 1, 0)


def test_a_sweep_counts_what_reaches_each_threshold() -> None:
    histogram = _histogram({(1, 900): 3, (0, 900): 1, (2, 400): 4, (1, 100): 1, (0, 0): 1})
    points = {point["threshold"]: point for point in sweep(histogram)}
    assert points[0.9] == {"threshold": 0.9, "events": 4, "share": 0.4, "precision": 0.75, "recall": 0.75}
    assert points[0.41]["events"] == 4
    assert points[0.4]["events"] == 8
    assert points[1.0]["precision"] is None


def test_players_are_counted_once_in_one_pass_or_many(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    expected: dict[str, list[int]] = {}
    paths = []
    for number in range(4):
        players = [f"p{n}" for n in rng.integers(0, 60, 100)]
        worst = rng.integers(0, 3, (100, 2)).astype(np.int8)
        for player, (before, after) in zip(players, worst.tolist(), strict=True):
            known = expected.setdefault(player, [0, 0])
            known[:] = [max(known[0], before), max(known[1], after)]
        paths.append(tmp_path / f"{number}.{PLAYERS_PART}")
        table = pa.table({"player_id": players, "baseline": worst[:, 0], "candidate": worst[:, 1]})
        write_table(paths[-1], table, PLAYERS_PART)
    counted = count_players(paths)
    assert counted.worst == Counter((ACTIONS[before], ACTIONS[after]) for before, after in expected.values())
    assert count_players(paths, at_once=70) == counted
    new, spared = counted.crossing("block")
    assert new == sum(before < 2 <= after for before, after in expected.values())
    assert spared == sum(after < 2 <= before for before, after in expected.values())


def a_document(text: str = "hello", game: str = "arena", **limits: Any) -> dict[str, Any]:
    cell = Cell(game, "team", "en", "allow", "non_toxic", "flag", "insult")
    found = Counts(cells=Counter({cell: 3, cell._replace(candidate_action="allow"): 7}))
    found.scores["candidate", ""] = found.scores["candidate", "insult"] = _histogram({(1, 700): 3, (0, 100): 7})
    row = {
        "baseline_action": "allow", "baseline_category": "non_toxic", "candidate_action": "flag",
        "candidate_category": "insult", "scores": {"insult": 0.7}, "text": text, "event_id": "e", "game_id": "arena",
        "channel_kind": None, "lang": "en", "label": None,
    }  # fmt: skip
    about = {
        "history": {"files": ["events.jsonl"]}, "depth": "redecide", "baseline": {"kind": "recorded", "name": ""},
        "candidate": {"bundle": "(default)", "policy": "new.toml"}, "truth": "baseline", "with_text": True,
    }  # fmt: skip
    document = build_document(about, found, count_players([]), [row])
    document["limits"] = Limits(**limits).checked(document)
    return json.loads(json.dumps(document))  # type: ignore[no-any-return]  # what was an object stays one


def test_the_page_is_self_contained_and_quotes_nothing_as_markup() -> None:
    page = render(a_document("<script>alert(1)</script>"))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    addresses = re.findall(r"(?:src|href)=\"([^\"]{0,40})", page)
    assert addresses
    assert all(address.startswith("data:image/svg+xml;base64,") for address in addresses)
    assert "url(" not in page
    assert page == render(a_document("<script>alert(1)</script>"))


@pytest.mark.parametrize(
    ("game", "label"),
    [
        ("中文游戏", "中文游戏"),
        ("لعبة", "لعبة"),
        ("👩‍👩‍👧🎮", "👩‍👩‍👧🎮"),
        ("$\\frac$ a_b ^ $$", "$\\frac$ a_b ^ $$"),
        ("_x", "_x"),
        ("<&>\"'", "<&>\"'"),
        ("a\x00b\x1b[31m\n2\t\u2028\ufffe", "a\ufffdb\ufffd[31m\ufffd2\ufffd\ufffd\ufffd"),
        ("W" * 128, "W" * 31 + "…"),
        ("﷽" * 128, "﷽" * 31 + "…"),
    ],
)
def test_the_page_is_drawn_whatever_a_game_is_called(game: str, label: str) -> None:
    """Warnings are errors here; a label that is no text, or no XML, would not be found."""
    page = render(a_document(game=game))
    images = [base64.b64decode(found) for found in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)]
    texts = [text.text for image in images for text in ElementTree.fromstring(image).iter(f"{SVG}text")]  # noqa: S314 - ours
    assert label in texts


def test_policies_stand_where_their_load_is_however_few_events_are_labelled() -> None:
    """Where moderators reviewed what was flagged, all that is labelled was acted upon, and that is not the load."""
    quiet = Cell("arena", "team", "en", "allow", "non_toxic", "allow", "non_toxic")
    flagged = quiet._replace(candidate_action="flag", candidate_category="insult")
    found = Counts(cells=Counter({quiet: 90, flagged: 10}))
    found.labelled[Labelled("insult", "allow", "non_toxic", "flag", "insult")] = 10
    found.scores["candidate", ""] = _histogram({(1, 700): 10, (2, 100): 90})
    about = {
        "history": {"files": ["events.jsonl"]}, "depth": "redecide", "baseline": {"kind": "recorded", "name": ""},
        "candidate": {"bundle": "(default)", "policy": "new.toml"}, "truth": "labels", "with_text": True,
    }  # fmt: skip
    document = build_document(about, found, count_players([]), [])
    assert document["load"]["candidate"] == {"judged": 100, "acted_upon": 10, "share": 0.1}
    assert document["load"]["baseline"] == {"judged": 100, "acted_upon": 0, "share": 0.0}
    assert policies(document) == {"candidate": (0.1, 1.0), "baseline": (0.0, 0.0)}


def test_rare_rows_are_summed_up() -> None:
    found = Counts()
    for number in range(250):
        found.cells[Cell(f"g{number}", "", "", "allow", "non_toxic", "flag", "insult")] = 1
    document = build_document({}, found, count_players([]), [])
    rows = document["flips"]["by_game"]
    assert len(rows) == 201
    assert rows[-1] == {"name": REST, "compared": 50, "flips": 50, "flip_share": 1.0, "stricter": 50, "milder": 0}


def test_limits_are_checked_against_the_answer() -> None:
    assert missed(a_document(max_flips=Flips.parse("3"))["limits"]) is None
    assert missed(a_document(max_flips=Flips.parse("30%"))["limits"]) is None
    assert missed(a_document(max_flips=Flips.parse("29.9%"))["limits"]) == "limits missed: max_flips: 0.3 (limit 0.299)"
    assert missed(a_document(min_recall=0.5)["limits"]) == "limits missed: min_recall: not known (limit 0.5)"
    assert missed(a_document(min_compared=1.0)["limits"]) is None
    assert "Limits are missed" in render(a_document(max_flips=Flips(2, None)))
    with pytest.raises(ConfigError, match="--max-flips many"):
        Flips.parse("many")
    with pytest.raises(ConfigError, match="--min-auc needs"):
        Limits(min_auc=0.5).check_labels(labelled=False)


@pytest.mark.parametrize("text", ["-1", "200%", "-1%", "nan%", "inf%", "abc", "", "%"])
def test_a_limit_that_is_no_number_of_events_and_no_share_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="give a number of events"):
        Flips.parse(text)


def test_a_limit_is_a_number_of_events_or_a_share() -> None:
    texts = ("0", "1,000", "0%", "100%")
    assert [Flips.parse(text) for text in texts] == [
        Flips(0, None),
        Flips(1_000, None),
        Flips(None, 0.0),
        Flips(None, 1.0),
    ]
