"""Evasions: many, repeatable, each with an effect; and what rules make of a plain word under them."""

from collections.abc import Sequence

import pytest

from model.normalise import canonical
from model.readings import readings
from model.rules import PACKS, load_pack
from model.training.evasion_report import caught_lines, survival
from model.training.evasions import EVASIONS, disguised

LINE = "you are such a stupid idiot please uninstall"
SEEN_THROUGH = [
    "leet", "signs for letters", "Cyrillic look-alikes", "Greek look-alikes", "look-alikes of any script", "accents",
    "small capitals", "raised letters", "full width", "bold", "Fraktur", "circled", "in brackets", "squared",
    "white on black circles", "regional indicators", "stacked marks", "struck through", "underlined",
    "zero-width spaces", "zero-width joiners", "soft hyphens", "word joiners", "tag characters", "direction marks",
    "variation selectors", "grapheme joiners", "dotted", "dashed", "underscored", "stars between",
    "a letter drawn out", "capitals", "alternating capitals", "title case", "split by a dot", "points between words",
    "a letter covered", "line breaks between words", "exclamation marks", "crosses around", "emoji around",
    "kind words after", "kind words before", "upside down",
]  # fmt: skip


def test_there_are_many_and_each_changes_a_line() -> None:
    assert len(EVASIONS) >= 40
    for name in EVASIONS:
        assert disguised([LINE], name, 1) == disguised([LINE], name, 1)
        assert disguised([LINE], name, 1) != [LINE], name


@pytest.mark.parametrize("name", SEEN_THROUGH)
def test_rules_see_through_it(name: str) -> None:
    pack = load_pack(PACKS / "kids")
    lines = [canonical(line) for seed in range(5) for line in disguised(["you stupid idiot"], name, seed)]
    assert set(pack.find(lines)) == set(range(len(lines))), lines


def test_survival_counts_what_is_still_caught() -> None:
    told: list[str] = []
    known = caught_lines(says_idiot, ["you idiot", "hello"], 5, told.append)
    share = survival(says_idiot, known, told.append)
    assert known == ["you idiot"]
    assert told[0].startswith("2 toxic lines, 1 of them caught")
    assert len(told) == 1 + len(EVASIONS)
    assert 0.2 < share < 0.9


def says_idiot(texts: Sequence[str]) -> list[bool]:
    return ["idiot" in text for text in texts]


MENDED = {
    "u id iot tea m": "u idiot team",
    "you sutpid idot": "you stupid idiot",
    "r374rd3d 57up1d": "retarded stupid",
    "nice try you idiot lol": "you idiot",
    "you mo.on": "you moron",
    "pile of t_ash": "pile of trash",
    "mron team": "moron team",
    "mooron": "moron",
    "you ttraitor": "you traitor",
    "obt team": "bot team",
    "such a bo t": "such a bot",
    "shtu up": "shut up",
    "kreytn team": "kretyn team",
    "п и д о р": "пидор",
    "пид*р": "пидор",
    "п\u0336и\u0336д\u0336о\u0336р\u0336": "пидор",
    "тваьр тупая": "тварь тупая",
    "лорка с ука": "лорка сука",
    "дe6ил": "дебил",
    "иди нaхyй": "иди нахуй",
    "y o u f u c k i n g i d i o t": "you fucking idiot",
}
LEFT_ALONE = [
    "push b4 t34",
    "the garage is on the beach",
    "lol nice try",
    "i put a ward",
    "stuck at base",
    "new boots",
    "eat salad",
    "shut the door",
    "еду на базу",
    "т34 в город",
    "я и ты в игре",
]


@pytest.mark.parametrize("line", MENDED)
def test_words_are_mended_in_a_reading(line: str) -> None:
    assert readings(line)[-1] == MENDED[line]


@pytest.mark.parametrize("line", LEFT_ALONE)
def test_plain_talk_has_no_mended_reading(line: str) -> None:
    assert readings(line) == (line,)
