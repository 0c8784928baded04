"""Laws of canonical text and its readings: idempotent, aligned to the code point, deaf to what nobody sees."""

import re
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.normalise import MAX_CANONICAL, align, as_view, canonical
from model.readings import DISGUISED, MAX_READINGS, PUNCTUATED, readings, views, without_punctuation

ODD = "\u200b\u200d\ufe0f\u00ad\u0301\u0323\u0345\u1100\u1161\u11a8\ufdfaİßſŉΐﬀKÅ각ﾞ😀👩🏽💻❤1#*е\U000e0041 \t\n"
texts = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(ODD)), max_size=40)
chat = st.text(st.sampled_from("abcosx0134@$!.*_-' ,аіоfкc\u0301"), max_size=40)
INVISIBLE = ["\u200b", "\u2060", "\u00ad", "\u200e", "\ufeff", "\U000e0061"]


@settings(max_examples=300, deadline=None)
@given(texts)
@example("ΐ\u0345 ŉ")
@example("\ufdfa" * 1_000)
@example("İstanbul")
def test_canonical_text_is_its_own_canonical_form(text: str) -> None:
    folded = canonical(text)
    assert canonical(folded) == folded
    assert len(folded) <= MAX_CANONICAL
    assert "\n" not in folded
    assert unicodedata.is_normalized("NFKC", folded)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_alignment_gives_the_canonical_text_with_ordered_places(text: str) -> None:
    view = align(text)
    assert view.text == canonical(text)
    assert len(view.starts) == len(view.ends) == len(view.text)
    assert all(0 <= start < end <= len(text) for start, end in zip(view.starts, view.ends, strict=True))
    assert list(view.starts) == sorted(view.starts)
    assert list(view.ends) == sorted(view.ends)


@settings(max_examples=200, deadline=None)
@given(texts, texts)
def test_a_word_between_blanks_is_found_where_it_was_written(before: str, after: str) -> None:
    text = f"{before} \u200bTuRn\u200bIp\u00ad {after}"
    view = align(text)
    at = view.text.index("turnip")
    start, end = view.span(at, at + 6)
    assert canonical(text[start:end]) == "turnip"
    if "turnip" not in canonical(before):
        assert text[start:end] == "TuRn\u200bIp"


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=30), st.data())
def test_what_nobody_sees_changes_nothing(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    hidden = text[:place] + data.draw(st.sampled_from(INVISIBLE)) + text[place:]
    assert canonical(hidden) == canonical(text)


@settings(deadline=None)
@given(st.sampled_from(["👩🏽‍💻", "❤️‍🔥", "🏳️‍🌈", "1️⃣", "👨‍👩‍👧‍👦", "🇩🇪"]))
def test_emoji_sequences_survive(emoji: str) -> None:
    assert canonical(f"gg {emoji} wp") == f"gg {unicodedata.normalize('NFKC', emoji)} wp"


@settings(max_examples=300, deadline=None)
@given(st.one_of(chat, texts))
def test_readings_are_few_distinct_and_found_by_the_quick_search(text: str) -> None:
    folded = canonical(text)
    found = readings(folded)
    assert found[0] == folded
    assert len(found) == len(set(found)) <= MAX_READINGS
    assert found[1:] == tuple(view.text for view in views(folded)), "the quick search overlooked something"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(chat, texts), max_size=6))
def test_the_quick_searches_find_the_same_lines_when_joined(lines: list[str]) -> None:
    lines = [canonical(line) for line in lines]
    joined = "\n".join(lines)
    for pattern in (DISGUISED, PUNCTUATED):
        hit = {joined.count("\n", 0, match.start()) for match in pattern.finditer(joined)}
        assert hit == {number for number, line in enumerate(lines) if pattern.search(line)}
        assert all("\n" not in match.group() for match in pattern.finditer(joined))


@settings(max_examples=300, deadline=None)
@given(st.one_of(chat, texts))
def test_a_reading_keeps_the_places_of_the_text_it_reads(text: str) -> None:
    folded = canonical(text)
    phrased = without_punctuation(as_view(folded))
    assert phrased.text == folded or PUNCTUATED.search(folded)
    for view in (*views(folded), phrased):
        assert len(view.starts) == len(view.ends) == len(view.text)
        assert list(view.starts) == sorted(view.starts)
        assert all(0 <= start < end <= len(folded) for start, end in zip(view.starts, view.ends, strict=True))
        for place, letter in enumerate(view.text):
            if letter.isascii() and re.match("[cdf-hj-np-rv-z ]", letter):
                shown = folded[slice(*view.span(place, place + 1))]
                assert letter in shown or not shown.isascii() or letter == " "
