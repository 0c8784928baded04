"""The clean measurement of a gate: halves that share nothing, thresholds from the other half, intervals."""

from pathlib import Path

import numpy as np
import pytest

from model.training.gate_check import Found, Unseen, both, crossed, drawn, group_of, halved, report, unseen
from model.training.sources import Example


def a_game(number: int = 2_000, seed: int = 1, shift: float = 0.0) -> Unseen:
    rng = np.random.default_rng(seed)
    positive = rng.random(number) < 0.1
    scores = rng.normal(size=number) + 5 * positive + shift
    return Unseen(scores, positive, halved([f"match {place // 4}" for place in range(number)]))


def whole(game: Unseen) -> tuple[Unseen, tuple[np.ndarray, np.ndarray]]:
    return game, (np.concatenate(game.halves[0]), np.concatenate(game.halves[1]))


def test_a_group_stays_in_one_half_and_each_text_is_in_one() -> None:
    groups = [f"match {place % 50}" for place in range(500)]
    first, second = ([set(places) for places in half] for half in halved(groups))
    assert len(first) + len(second) == 50
    assert sorted(place for places in (*first, *second) for place in places) == list(range(500))
    assert all(len({groups[place] for place in places}) == 1 for places in (*first, *second))
    assert halved(groups[::-1])[0] != [] != halved(groups)[1]


def test_lines_of_a_match_and_texts_that_look_alike_are_one_group() -> None:
    assert group_of(Example("gg", ("O",), "conda", match="7")) == "7"
    assert group_of(Example("goooo!!", ("0",), "gametox")) == group_of(Example("goo", ("0",), "gametox"))


def test_a_half_is_measured_by_what_the_other_chose() -> None:
    """A half whose positives score lower than the other's loses them: it had no say."""
    game = a_game()
    lower = game.scores.copy()
    lower[np.concatenate(game.halves[1])] -= 20
    first, second = crossed({"game": whole(game._replace(scores=lower))}, 0.99)["game"]
    assert second.kept == 0
    assert first.passed == first.texts
    assert first.kept == first.positives


def test_the_lowest_threshold_of_all_games_counts() -> None:
    alone = crossed({"one": whole(a_game())}, 0.99)["one"]
    together = crossed({"one": whole(a_game()), "other": whole(a_game(seed=2, shift=-1.0))}, 0.99)["one"]
    assert both(together).passed > both(alone).passed


def test_halves_add_up() -> None:
    found = both([Found(10, 2, 3, 2), Found(20, 3, 6, 2)])
    assert found == Found(30, 5, 9, 4)
    assert found.ratio == pytest.approx(1.8)
    assert found.share_kept == pytest.approx(0.8)


def test_draws_vary_around_the_figure_and_are_repeatable() -> None:
    games = {"game": a_game()}
    ratios = [draw.ratio for draw in drawn(games, 0.99, 100, 3)["game"]]
    assert ratios == [draw.ratio for draw in drawn(games, 0.99, 100, 3)["game"]]
    assert min(ratios) < both(crossed({"game": whole(games["game"])}, 0.99)["game"]).ratio < max(ratios)


def test_the_report_has_a_row_for_each_game_and_share() -> None:
    rows = list(report({"one": a_game(), "other": a_game(seed=2)}, (0.9, 0.99), draws=20))
    assert len(rows) == 2 + 4
    assert len({row.count("|") for row in rows}) == 1
    assert rows[2].startswith("| one | 2,000 | ")


def test_only_what_nobody_was_trained_on_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "gametox_train.csv").write_text("message,label\n" + "".join(f"line {place},0\n" for place in range(50)))
    (tmp_path / "gametox_dev.csv").write_text("message,label\nheld back,0\nrotten bot,1\n")
    rows = "".join(f"{place},word{place},O,,1\n" for place in range(200))
    (tmp_path / "conda_train.csv").write_text("match_id,utterance,intent,slot_tokens,seconds\n" + rows)
    found = unseen(
        lambda texts: np.array([float("rotten" in text) for text in texts]),
        lambda texts: np.array([[0.1, 0.9 * ("rotten" in text)] for text in texts]),
        {"insult": 0.5},
        ("non_toxic", "insult"),
        tmp_path,
    )
    assert (len(found["gametox"].scores), found["gametox"].positive.sum(), found["gametox"].scores.sum()) == (7, 1, 1)
    assert 10 < len(found["conda"].scores) < 90
    assert not found["conda"].positive.any()
