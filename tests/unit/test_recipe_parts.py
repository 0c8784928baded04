"""The recipe's pure parts; the whole of it runs in ``tests/integration/test_recipe.py``."""

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer

from model.folding import folding, install
from model.training.labels import LabelMap, LabelMaps, Target
from model.training.probe import sentences
from model.training.recipe.blend import as_categories, blend, with_label
from model.training.recipe.choose import Settled, probabilities, settle_temperature, threshold_for
from model.training.recipe.lessons import lent_to, lessons_by_source
from model.training.recipe.measure import calibration_error, macro_f1, ranking, with_intervals
from model.training.recipe.own import group_lines, group_words, own_lines
from model.training.sources import Example
from model.training.splits import normal_form


@pytest.mark.parametrize(
    ("disguised", "read"),
    [
        ("n o o b", "noob"),
        ("you n.o-o_b", "you noob"),
        ("nooooob", "noob"),
        ("n00b", "noob"),
        ("id1ot", "idiot"),
        ("ｎｏｏｂ", "noob"),
        ("нооb", "noob"),
        ("дебил", "debil"),
        ("nöób", "noob"),
    ],
)
def test_the_tokenizer_reads_disguised_words_as_what_they_imitate(disguised: str, read: str) -> None:
    assert folding().normalize_str(disguised) == read


@pytest.mark.parametrize("plain", ["push d4", "t34 is up", "e50 b1 is7", "100 000 credits", "i a fan", "gg wp"])
def test_the_tokenizer_leaves_play_talk_alone(plain: str) -> None:
    assert folding().normalize_str(plain) == plain


def test_the_folds_travel_in_the_tokenizer_file() -> None:
    tokenizer = install(Tokenizer(WordPiece({"[UNK]": 0, "noob": 1})))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    again = Tokenizer.from_str(tokenizer.to_str())
    assert again.encode("N.o.o.B, нооb").tokens == ["noob", "[UNK]", "noob"]


MAPS = {
    "gametox": LabelMap(sources=("gametox",), labels={"0": ("non_toxic", "taunt"), "1": ("insult",)}),
    "conda": LabelMap(sources=("conda",), labels={"O": ("non_toxic",), "I": ("taunt",), "E": ("insult",)}),
    "own": LabelMap(sources=("own",), labels={name: (name,) for name in ("non_toxic", "taunt", "insult")}),
}
NAMES = ("non_toxic", "taunt", "insult")


def test_a_label_of_two_meanings_is_split_by_what_the_other_set_says() -> None:
    answers = {
        "gametox": np.array([[1.0, 0.0]], dtype=np.float32),
        "conda": np.array([[0.1, 0.9, 0.0]], dtype=np.float32),
        "own": np.array([[0.5, 0.25, 0.25]], dtype=np.float32),
    }
    blended = blend(answers, [""], MAPS, NAMES)
    assert blended.sum() == pytest.approx(1, abs=1e-5)
    assert blended[0, 1] > blended[0, 0] > blended[0, 2]


def test_the_set_a_text_comes_from_is_heard_most() -> None:
    answers = {
        "gametox": np.array([[1.0, 0.0]] * 2, dtype=np.float32),
        "conda": np.array([[0.0, 0.0, 1.0]] * 2, dtype=np.float32),
        "own": np.full((2, 3), 1 / 3, dtype=np.float32),
    }
    game, other = blend(answers, ["gametox", "conda"], MAPS, NAMES)
    assert game[2] == pytest.approx(0.1, abs=0.01)
    assert other[2] == pytest.approx(0.9, abs=0.01)


def test_a_label_moves_the_estimate_as_far_as_it_is_trusted() -> None:
    estimate = np.array([0.6, 0.2, 0.2], dtype=np.float32)
    assert with_label(estimate, Target((2,), 1.0), 0.0) == pytest.approx(estimate)
    assert with_label(estimate, Target((2,), 1.0), 1.0) == pytest.approx([0, 0, 1], abs=1e-3)
    assert with_label(estimate, Target((0, 1), 1.0), 0.5)[0] == pytest.approx(0.5 * 0.6 + 0.5 * 0.75, abs=1e-2)


def test_a_linear_answer_is_read_by_the_first_meaning() -> None:
    scores = as_categories(np.array([[0.7, 0.3]], dtype=np.float32), MAPS["gametox"], NAMES)
    assert (scores["non_toxic"][0], scores["taunt"][0], scores["insult"][0]) == pytest.approx((0.7, 0, 0.3))


def test_disagreement_stays_a_distribution_and_rare_labels_weigh_more() -> None:
    maps = LabelMaps.read()
    examples = [Example("hm", ("0",), "gametox")] * 3 + [
        Example("hm", ("1",), "gametox"),
        Example("bad", ("3",), "gametox"),
    ]
    first, second = lessons_by_source({"gametox": examples}, maps)["gametox"]
    assert first.wanted[:2].tolist() == [0.75, 0.25]
    assert second.weight == pytest.approx(2.0)


def test_only_unmistakable_rare_labels_are_lent() -> None:
    maps = LabelMaps.read()
    train = {
        "gametox": [Example("a", ("0",), "gametox")],
        "jigsaw": [
            Example("b", ("identity_hate",), "jigsaw"),
            Example("c", ("severe_toxic",), "jigsaw"),
            Example("d", ("none",), "jigsaw"),
        ],
    }
    lent = lent_to("gametox", lessons_by_source(train, maps), maps)
    assert [(lesson.text, int(lesson.wanted.argmax())) for lesson in lent] == [("b", 3)]


def test_ranking_macro_f1_and_calibration_on_known_answers() -> None:
    toxic, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    figures = ranking(toxic, score)
    assert figures["auc"] == pytest.approx(0.75)
    assert figures["r_at_p90"] == pytest.approx(0.5)
    assert macro_f1(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b"))["macro_f1"] == pytest.approx(2 / 3)
    assert calibration_error(np.array([1, 1, 0, 0]), np.array([0.95, 0.95, 0.05, 0.05])) == pytest.approx(0.05)
    share = with_intervals(lambda rows: {"share": float(toxic[rows].mean())}, 4, seed=1, resamples=200)
    assert 0 <= share["share_low"] < share["share"] == 0.5 < share["share_high"] <= 1


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 4_000)
    right = rng.random(4_000) < 0.8
    logits = np.where((np.arange(2)[None] == truth[:, None]) == right[:, None], 1.4, 0.0).astype(np.float32) * 1.8
    said = {"game": [Target((int(label),), 1.0) for label in truth]}
    plain = Settled(("non_toxic", "insult"), np.zeros(2, dtype=np.float32), {})
    assert settle_temperature(plain, {"game": logits}, said) == pytest.approx(1.8, abs=0.2)
    assert probabilities(logits / 1e9) == pytest.approx(0.5)


def test_a_twin_ranks_a_taunt_below_abuse_and_leaves_it_the_likeliest() -> None:
    names = ("non_toxic", "insult", "taunt")
    logits = np.array([[0, 0, 5], [0, 5, 0], [0, -5, 1]], dtype=np.float32)
    offsets = np.array([0, 0, 0.5], dtype=np.float32)
    scores = Settled(names, offsets, {"taunt": 0.8}, temperature=1.1).scores(logits)
    columns = np.stack([scores[name] for name in names], axis=1)
    assert columns.sum(1) == pytest.approx(1)
    assert columns.argmax(1).tolist() == [2, 1, 2]
    assert 1 - scores["non_toxic"][0] < 0.75 < 0.97 < 1 - scores["non_toxic"][1]
    plain = Settled(names, offsets, {}, temperature=1.1).scores(logits)
    assert scores["insult"] == pytest.approx(plain["insult"] / (1 + plain["taunt"] * np.exp(-0.8 / 1.1)), rel=1e-5)


def test_a_threshold_reaches_its_precision_or_is_not_given() -> None:
    score = np.linspace(1, 0, 100, dtype=np.float32)
    truth = np.array([place < 50 for place in range(100)])
    threshold = threshold_for(0.9, truth, score)
    assert threshold is not None
    assert truth[score >= threshold].mean() == pytest.approx(0.9, abs=0.02)
    assert threshold_for(0.9, ~truth, score) is None


def test_own_lines_are_distinct_and_name_groups_harmlessly_too() -> None:
    lines = own_lines(60, np.random.default_rng(0))
    assert len({line.text for line in lines}) == len(lines)
    assert any("proud" in line.text for line in lines if line.labels == ("non_toxic",))


def test_lines_on_groups_name_one_and_are_no_probes() -> None:
    lines = group_lines(200, np.random.default_rng(0))
    assert {line.labels for line in lines} == {("hate",), ("non_toxic",)}
    assert len({line.text for line in lines}) == len(lines) > 600
    probed = {normal_form(sentence) for sentence in sentences()}
    assert not probed & {normal_form(line.text) for line in lines}
    assert {"russian", "gay", "muslims"} <= set(group_words())
    assert all(" " not in word for word in group_words())
