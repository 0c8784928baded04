"""The fuzzers of normaliser, span map and rule loader can fail: each wrong implementation here breaks a law there."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from model import mending, normalise, pack_files, parts, readings, rules_match, rules_pack, suspects
from model.view import View
from tests.property import test_normaliser_laws as normaliser
from tests.property import test_rule_laws as rules

Law = Callable[..., None]
Break = Callable[[pytest.MonkeyPatch], None]
FOLD, INVISIBLE = (vars(normalise)[name] for name in ("_fold", "_INVISIBLE"))
COMPOSED, WITHOUT, SUB = vars(normalise)["_composed"], vars(normalise)["_without"], vars(readings)["_sub"]
ODD = st.one_of(normaliser.texts, st.sampled_from(["a\u0301\u200d\u0323", "\ufdfa" * 1_000]))
SHOWN = st.one_of(normaliser.chat, normaliser.hidden, normaliser.texts)
PLANTED = (
    *(st.sampled_from(rules.WORDS), st.sampled_from(rules.DISGUISES)),
    *(st.sampled_from(rules.FILLERS), st.sampled_from(rules.FILLERS)),
)
JOINED = (st.text("ab .", max_size=9), st.sampled_from(["\u200d", "\ufe0f"]), st.data())
MENDED = (st.sampled_from(sorted(rules.MENDED)), st.just("hm"), st.just(""))
PACKS = st.one_of(st.lists(rules.scraps, max_size=14).map("".join).map(str.encode), st.binary(max_size=60))
PATTERNS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def _one_pass(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(normalise, "_settle", FOLD)


def _joiners_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(normalise, "_LOOSE_JOINER", re.compile("(?!)"))


def _grown_without_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(normalise, "MAX_CANONICAL", 1 << 20)


def _word_joiner_seen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(normalise, "_INVISIBLE", re.compile(INVISIBLE.pattern.replace("\u2060", "\u2061")))


def _composed_by_code_point(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(normalise, "_joins", lambda _: False)


def _mark_left_out(patch: pytest.MonkeyPatch) -> None:
    """A letter's marks are not in its place."""
    patch.setattr(normalise, "_composed", lambda view: _cut_short(COMPOSED(view)))


def _dropped_belongs_before(patch: pytest.MonkeyPatch) -> None:
    def without(view: View, pattern: re.Pattern[str]) -> View:
        found: View = WITHOUT(view, pattern)
        return View(found.text, (found.starts, [*found.starts[1:], *found.ends[-1:]]))

    patch.setattr(normalise, "_without", without)


def _match_ends_early(patch: pytest.MonkeyPatch) -> None:
    """What is dropped at the end of a match belongs to nothing."""
    patch.setattr(readings, "_sub", lambda view, rewriting: _cut_short(SUB(view, rewriting)))


def _cut_short(view: View) -> View:
    return View(view.text, (view.starts, [start + 1 for start in view.starts]))


def _places_of_the_reading(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("model.rules_match._Lines.mapped", lambda _self, _number, hit: hit)


def _mended_unplaced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(mending, "_places", lambda _text, first, _stop, piece: [first] * len(piece))


def _sign_overlooked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(suspects, "_of_part", lambda part: 0)


def _line_too_far(patch: pytest.MonkeyPatch) -> None:
    """Every line but the first one starts too late, so that what it begins with falls to its neighbour."""
    right = rules_match.line_starts
    patch.setattr(rules_match, "line_starts", lambda lines: [at + (at > 0) for at in right(lines)])


def _untranslated(patch: pytest.MonkeyPatch) -> None:
    """Faults of a file come as whoever found them raised them."""

    def validated(file: Path, kind: type[BaseModel]) -> tuple[Any, str]:
        source = file.read_text(encoding="utf-8")
        return kind.model_validate(tomllib.loads(source)), source

    patch.setattr(rules_pack, "read_form", validated)


def _no_place(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pack_files.Place, "__str__", lambda place: f"line {place.line}")


def _pattern_unchecked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules_match, "compiled", re.compile)


MUTANTS: list[tuple[Break, Law, tuple[st.SearchStrategy[Any], ...]]] = [
    (_one_pass, normaliser.test_canonical_text_is_its_own_canonical_form, (ODD,)),
    (_joiners_kept, normaliser.test_a_joiner_that_joins_no_pictures_is_nothing, JOINED),
    (_grown_without_end, normaliser.test_canonical_text_is_its_own_canonical_form, (ODD,)),
    (_word_joiner_seen, normaliser.test_what_nobody_sees_changes_nothing, (st.text("ab .", max_size=9), st.data())),
    (_composed_by_code_point, normaliser.test_a_word_between_blanks_is_found_where_it_was_written, (ODD, ODD)),
    (_mark_left_out, rules.test_a_planted_word_is_pointed_at_exactly, PLANTED),
    (_dropped_belongs_before, normaliser.test_a_word_between_blanks_is_found_where_it_was_written, (ODD, ODD)),
    (_match_ends_early, rules.test_a_planted_word_is_pointed_at_exactly, PLANTED),
    (_places_of_the_reading, rules.test_a_planted_word_is_pointed_at_exactly, PLANTED),
    (_mended_unplaced, rules.test_a_mended_word_is_pointed_at_exactly, MENDED),
    (_sign_overlooked, normaliser.test_the_quick_searches_overlook_nothing, (st.lists(SHOWN, max_size=6),)),
    (_line_too_far, rules.test_hits_do_not_depend_on_the_neighbours, (st.lists(rules.chat, max_size=8),)),
    (_untranslated, rules.test_the_loader_takes_a_pack_or_says_where_it_fails, (PACKS,)),
    (_no_place, rules.test_the_loader_takes_a_pack_or_says_where_it_fails, (PACKS,)),
    (_pattern_unchecked, rules.test_any_pattern_is_compiled_or_refused, (PATTERNS,)),
]
RAISED: dict[Break, type[Exception]] = {
    _untranslated: ValueError,
    _pattern_unchecked: re.error,
}
"""What breaks through where no assertion fails."""


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Forget the readings of texts and what is known of parts, before a mutant and after it."""
    remembering = [
        function
        for module in (mending, normalise, readings, suspects)
        for function in vars(module).values()
        if hasattr(function, "cache_clear")
    ]
    _forget(remembering)
    yield
    _forget(remembering)


def _forget(remembering: Iterable[Any]) -> None:
    for function in remembering:
        function.cache_clear()
    vars(parts)["_MEMORY"].numbering = parts.Numbering()


@pytest.mark.parametrize(("broken", "law", "given_by"), MUTANTS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_law_catches_a_wrong_implementation(
    broken: Break, law: Any, given_by: tuple[st.SearchStrategy[Any], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = settings(max_examples=500, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    broken(monkeypatch)
    with pytest.raises(RAISED.get(broken, AssertionError)):
        quick(given(*given_by)(law.hypothesis.inner_test))()
