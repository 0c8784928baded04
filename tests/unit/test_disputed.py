"""Which labels a model disputes that was fitted without their lines."""

from itertools import product

import numpy as np

from model.training.disputed import NONE, confident, disputed
from model.training.sources import Example


def test_a_class_counts_from_its_mean_among_its_own_lines() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.6, 0.4]])
    # The thresholds are 0.7 and 0.6.
    assert confident(labels, probabilities).tolist() == [0, NONE, 1, NONE]


def test_of_classes_that_reach_their_thresholds_the_likeliest_counts() -> None:
    labels = np.array([0, 1, 2, 0])
    probabilities = np.array([[0.96, 0.02, 0.02], [0.6, 0.3, 0.1], [0.6, 0.2, 0.2], [0.52, 0.3, 0.2]])
    # The thresholds are 0.74, 0.3 and 0.2: the last line is likeliest of class 0, which does not reach its own.
    assert confident(labels, probabilities).tolist() == [0, 1, 2, 1]


def test_a_class_without_lines_is_never_reached() -> None:
    probabilities = np.array([[0.3, 0.3, 0.4], [0.6, 0.1, 0.3]])
    assert confident(np.array([0, 0]), probabilities).tolist() == [NONE, 0]


WHO = ["you", "this team", "our mid", "the carry", "arty", "my ally", "their support", "top lane", "he", "she"]
LINES = [f"{who} {what}" for who, what in product(WHO, ["is an idiot", "total idiot", "such idiot play"])]
PLAIN = [f"{who} {what}" for who, what in product(WHO, ["goes mid now", "please push", "needs a ward"])]


def test_only_clean_lines_that_look_toxic_without_their_label_are_disputed() -> None:
    passed_over, accused = LINES[:3], PLAIN[:3]
    labelled = dict.fromkeys(LINES, "1") | dict.fromkeys(PLAIN, "0")
    labelled |= dict.fromkeys(passed_over, "0") | dict.fromkeys(accused, "1")
    examples = [Example(text, (label,), "gametox") for text, label in labelled.items()]
    assert disputed(examples, "gametox", clean={"0"}, toxic={"1"}) == set(passed_over)
    assert disputed(examples, "gametox", clean={"0"}, toxic={"2"}) == set()
