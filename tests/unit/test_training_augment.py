import numpy as np
import pytest

from model.normalise import canonical
from model.training.augment import DISGUISES, disguise


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_changes_a_word_and_is_repeatable(name: str) -> None:
    words = ["noob", "idiot", "uninstall", "fool"]
    first = [DISGUISES[name](word, np.random.default_rng(3)) for word in words]
    assert first == [DISGUISES[name](word, np.random.default_rng(3)) for word in words]
    assert any(after != before for before, after in zip(words, first, strict=True))


def test_an_invisible_character_leaves_no_trace_in_canonical_text() -> None:
    assert canonical(DISGUISES["hidden"]("noob", np.random.default_rng(1))) == "noob"


def test_short_words_and_words_with_digits_are_left_alone() -> None:
    rng = np.random.default_rng(5)
    assert all(disguise("t34 is up", rng, share=1.0) == "t34 is up" for _ in range(20))
