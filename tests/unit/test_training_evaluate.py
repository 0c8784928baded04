"""What is measured, what is not known and why, and how sure a figure is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.training.compare import as_document, as_markdown, compare, contenders_of
from model.training.data import Labelled
from model.training.evaluate import CHUNK, Given, evaluation, remembering, telling
from model.training.labels import Target
from model.training.metrics import Bootstrap, Floats, proportion
from model.training.probe import identity_bias
from model.training.report import interval, page, write_report
from model.training.sources import Example
from stream.commands.evaluate import _hold, _table
from stream.errors import LimitsExceeded
from tests.support.checkpoints import TAXONOMY, describe, tiny_bundle
from tests.support.fake_classifier import FakeClassifier

FEW = Bootstrap(resamples=40)
NOTHING = Given(Labelled(), Labelled())


def score(texts: Sequence[str]) -> Floats:
    """Call a text an insult where it says so."""
    found: Floats = np.array([[0.1, 0.8, 0.05, 0.05] if "dog" in text else [0.9, 0.05, 0.03, 0.02] for text in texts])
    return found


def held_back(clean: int, toxic: int, lang: str = "") -> Labelled:
    examples = [Example(f"gg {place}", ("ok",), "own", subset=lang) for place in range(clean)]
    examples += [Example(f"you dog {place}", ("bad",), "own", subset=lang) for place in range(toxic)]
    return Labelled(examples, [Target((0,), 1.0)] * clean + [Target((1,), 1.0)] * toxic)


def measured(data: Labelled) -> Any:
    found = evaluation(score, data, TAXONOMY, NOTHING, lambda _: None, FEW)
    return json.loads(json.dumps({"default_policy": {}, **found}, allow_nan=False))


def test_a_share_of_all_or_nothing_has_a_width() -> None:
    assert proportion(11, 11) == pytest.approx((1.0, 0.741, 1.0), abs=1e-3)
    assert proportion(0, 11) == pytest.approx((0.0, 0.0, 0.259), abs=1e-3)
    assert proportion(50, 100) == pytest.approx((0.5, 0.404, 0.596), abs=1e-3)
    assert np.isnan(proportion(0, 0)).all()


def test_no_interval_is_hidden() -> None:
    assert interval([1.0, 1.0, 1.0]) == "1.000 (1.000–1.000)"
    assert interval([None, None, None]) == "–"


@pytest.mark.parametrize(("clean", "toxic", "reason"), [(40, 0, "no line is toxic"), (0, 40, "every line is toxic")])
def test_lines_of_one_kind_are_measured_as_far_as_they_go(
    tmp_path: Path, clean: int, toxic: int, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = measured(held_back(clean, toxic))
    assert found["not_known"] == reason
    assert found["binary"]["auc"] == [None] * 3
    assert found["macro_f1"][0] == 1.0
    assert (found["binary"]["recall"][0] is None) == (not toxic)
    write_report(tmp_path / "out", "own.csv", {"model": found})
    shown = (tmp_path / "out.html").read_text()
    assert reason in shown
    assert "None" not in shown.partition("Identity terms")[0]
    _table({"model": found})
    assert f"– is undefined: {reason}" in capsys.readouterr().out
    with pytest.raises(LimitsExceeded, match=f"AUC is undefined: {reason}"):
        _hold({"model": found}, 0.9, 0.5)
    _hold({"model": found}, None, 0.5)


def test_nothing_caught_leaves_no_disguise_to_count() -> None:
    data = held_back(10, 0)
    data.examples.append(Example("you cat", ("bad",), "own"))
    data.targets.append(Target((1,), 1.0))
    found = measured(data)
    assert found["robustness"] == {}
    assert found["binary"]["precision"] == [None] * 3  # nothing was called toxic
    assert found["binary"]["recall"][:2] == [0.0, 0.0]


def test_a_language_with_few_lines_is_named_and_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    parts = [held_back(20, 20, "en"), held_back(9, 5, "de"), held_back(2, 0)]
    data = Labelled([e for part in parts for e in part.examples], [t for part in parts for t in part.targets])
    found = measured(data)
    assert set(found["languages"]) == {"en", "de", "none given"}
    assert found["languages"]["de"] == {"rows": 14}
    assert found["languages"]["en"]["recall"] == pytest.approx([1.0, 0.8389, 1.0])
    shown = page("x", {"model": found}).partition("By language")[2]
    assert '<td>de</td><td>14</td><td colspan="4">too few to measure</td>' in shown
    _table({"model": found})
    printed = capsys.readouterr().out
    assert "too few to measure" in printed
    assert "1.000 (0.839–1.000)" in printed


def test_long_scoring_tells_how_far_it_is() -> None:
    told: list[str] = []
    ticks = iter(range(0, 1_000, 6))
    texts = ["gg", "you dog"] * (2 * CHUNK)
    slowly = telling(score, told.append, lambda: float(next(ticks)))
    assert (slowly(texts) == score(texts)).all()
    assert told == [f"scored {2 * CHUNK:,} of {4 * CHUNK:,} texts"]


def test_each_text_is_scored_once() -> None:
    asked: list[str] = []

    def noted(texts: Sequence[str]) -> Floats:
        asked.extend(texts)
        return score(texts)

    once = remembering(noted)
    assert (once(["gg", "you dog", "gg"]) == score(["gg", "you dog", "gg"])).all()
    assert (once(["you dog", "wp"]) == score(["you dog", "wp"])).all()
    assert asked == ["gg", "you dog", "wp"]


def test_compare_says_what_is_not_known_and_how_sure_the_rest_is() -> None:
    clock = iter(range(100))
    rows = compare({"one": score}, held_back(40, 0), TAXONOMY, FEW, lambda: float(next(clock)), lambda _: None)
    document = json.loads(json.dumps(as_document(rows), allow_nan=False))
    assert document["one"]["binary"]["auc"] == [None] * 3
    line = as_markdown(document).splitlines()[-1]
    assert "nan" not in line
    assert "| 1.000 (1.000–1.000) |" in line


def test_bundles_of_one_name_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    paths = [tmp_path / "v1" / "studio", tmp_path / "v2" / "studio", tmp_path / "other"]
    for path in paths:
        tiny_bundle(path, describe(name=path.name))
    found = contenders_of(paths, [(paths[0], paths[2])], TAXONOMY, lambda _: FakeClassifier(TAXONOMY))
    assert list(found) == [
        f"studio ({paths[0]}), one stage",
        f"studio ({paths[1]}), one stage",
        "other, one stage",
        f"studio ({paths[0]}) → other, two stages",
    ]


def test_a_term_that_is_read_as_abuse_shows_though_the_ranking_is_right() -> None:
    texts = ["i am russian", "any russian here", "russian scum", "i am deaf", "deaf scum"]
    toxic = np.array([False, False, True, False, True])
    found = identity_bias(texts, toxic, np.array([0.6, 0.2, 0.9, 0.1, 0.9]), ["russian", "deaf", "blind"])
    assert set(found) == {"russian", "deaf"}
    assert [found[term].subgroup for term in found] == [1.0, 1.0]
    assert [found[term].false_positives for term in found] == [0.5, 0.0]


def test_the_worst_term_is_told() -> None:
    assert measured(held_back(8, 8))["identity"]["max_false_positives"] == 0.0
