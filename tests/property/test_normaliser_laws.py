"""Laws of canonical text and its readings: idempotent, aligned to the code point, deaf to what nobody sees."""

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.lexicon import HARSH
from model.mending import KNOWN
from model.normalise import MAX_CANONICAL, align, canonical
from model.readings import MAX_READINGS, readings, views, without_punctuation
from model.suspects import search, search_again
from model.view import View, as_view

ODD = "\u200b\u200d\ufe0f\u00ad\u0301\u0323\u0345\u1100\u1161\u11a8\ufdfaİßſŉΐﬀKÅ각ﾞ😀👩🏽💻❤1#*е\U000e0041 \t\n"
texts = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(ODD)), max_size=40)
chat = st.text(st.sampled_from("abcosx0134@$!.*_-' ,аіоfкc\u0301[)<>\\%&ik"), max_size=40)
hidden = st.lists(
    st.sampled_from(
        [
            "idot",
            "you",
            "id iot",
            "noo",
            "bs",
            "5h17",
            "lol",
            "gg",
            "wp!!",
            "youfuckingidiot",
            "gokyspls",
            "nice try",
            "xx",
            "fu",
            "ck",
            "i d i o t",
            "stupid",
            "kiil",
            "klll",
            "yourseif",
            "ldiot",
        ]
    ),
    max_size=6,
).map(" ".join)
INVISIBLE = ["\u200b", "\u2060", "\u00ad", "\u200e", "\ufeff", "\U000e0061"]


@settings(max_examples=300, deadline=None)
@given(texts)
@example("ΐ\u0345 ŉ")
@example("a\u0301\u200d\u0323")
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


@settings(max_examples=100, deadline=None)
@given(st.text("abcXYZ .", max_size=12), st.sampled_from(["\u200d", "\ufe0f", "\u200d\u200d"]), st.data())
def test_a_joiner_that_joins_no_pictures_is_nothing(text: str, joiner: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text)))
    assert canonical(text[:place] + joiner + text[place:]) == canonical(text)


@settings(deadline=None)
@given(st.sampled_from(["👩🏽‍💻", "❤️‍🔥", "🏳️‍🌈", "1️⃣", "👨‍👩‍👧‍👦", "🇩🇪"]))
def test_emoji_sequences_survive(emoji: str) -> None:
    assert canonical(f"gg {emoji} wp") == f"gg {unicodedata.normalize('NFKC', emoji)} wp"


@settings(max_examples=300, deadline=None)
@given(st.one_of(chat, texts))
def test_readings_are_few_and_distinct(text: str) -> None:
    folded = canonical(text)
    found = readings(folded)
    assert found[0] == folded
    assert len(found) == len(set(found)) <= MAX_READINGS
    assert found[1:] == tuple(view.text for view in views(folded))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(chat, hidden, texts), max_size=6))
def test_the_quick_searches_overlook_nothing(lines: list[str]) -> None:
    lines = [canonical(line) for line in lines]
    found = search(lines)
    assert set(found.disguised) >= {number for number, line in enumerate(lines) if views(line)}
    assert found.readings == [(number, view) for number, line in enumerate(lines) for view in views(line)]
    changed = {number for number, line in enumerate(lines) if without_punctuation(as_view(line)).text != line}
    assert set(found.punctuated) >= changed


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["gg", "f.u", "id iot", "", "что"]), max_size=80), st.data())
def test_some_of_the_texts_last_searched_are_found_again(lines: list[str], data: st.DataObject) -> None:
    before = search(lines)
    kept = [line for line in lines if data.draw(st.integers(0, 9))]
    found, numbers = search_again(kept)
    assert found is before
    assert [found.lines.texts[number] for number in numbers] == kept
    other, numbers = search_again([*kept, "new"])
    assert other is not before
    assert (other.lines.texts, numbers.tolist()) == ([*kept, "new"], list(range(len(kept) + 1)))


@settings(max_examples=300, deadline=None)
@given(st.one_of(chat, hidden, texts))
@example("a_fu*k")
def test_a_reading_keeps_the_places_of_the_text_it_reads(text: str) -> None:
    folded = canonical(text)
    for view in (*views(folded), without_punctuation(as_view(folded))):
        assert len(view.starts) == len(view.ends) == len(view.text)
        assert list(view.starts) == sorted(view.starts)
        assert all(0 <= start < end <= len(folded) for start, end in zip(view.starts, view.ends, strict=True))
        assert all(_is_shown(view, folded, word) for word in re.finditer(r"[^\W\d_]+", view.text))


def _is_shown(view: View, folded: str, word: re.Match[str]) -> bool:
    """Tell whether a word is known, and so may be mended, or its consonants stand where they point, or are covered."""
    places = [at for at in range(*word.span()) if re.match("[cdfhjkmnp-rv-z]", word.group()[at - word.start()])]
    shown = [folded[slice(*view.span(at, at + 1))] for at in places]
    return word.group() in KNOWN or all(
        view.text[at] in piece or not piece.isascii() or not {"*", "#"}.isdisjoint(piece)
        for at, piece in zip(places, shown, strict=True)
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("n o o b", "noob"),
        ("n·o•o—b", "noob"),
        ("n⠀o⠀o⠀b", "noob"),
        ("n , o , o , b", "noob"),
        ("n. o. o. b", "noob"),
        ("n)o)o)b", "noob"),
        ("n\\o\\o\\b", "noob"),
        ("n%o%o%b y&o&u", "noob you"),
        ("n > o > o > b", "noob"),
        ("n<o<o<b", "noob"),
        ("[n][o][o][b]", "noob"),
        ("{n}{o}{o}{b} {y}{o}{u}", "noob you"),
        ("fu\\ck", "fuck"),
        ("n.o.o.b y.o.u", "noob you"),
        ("n o o b , y o u", "noob you"),
        ("y o u   n o o b ,   s e e   y o u", "younoob seeyou"),
    ],
)
def test_what_spaces_a_word_is_told_from_what_parts_words(written: str, read: str) -> None:
    assert read in readings(canonical(written))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("₦ØØ฿", "noob"),
        ("₦oo₿", "noob"),
        ("ƒuck", "fuck"),
        ("ᑎᗝᗝᗷ", "noob"),
        ("᙭ᗷox", "xbox"),
        ("ni66er", "nigger"),
        ("asshoIe", "asshole"),
        ("ldiot", "idiot"),
        ("kiII yourseIf", "kill yourself"),
        ("klll yourself", "kill yourself"),
        ("heiI hitIer", "heil hitler"),
        ("i66y", "i66y"),
    ],
)
def test_signs_and_shapes_are_read_as_the_letters_they_look_like(written: str, read: str) -> None:
    assert read in readings(canonical(written))


@pytest.mark.parametrize(
    "line",
    [
        "dbl kill mid", "idt so", "hi gys", "good stuf", "i cnt see", "my sks", "smp server", "coc later", "fgs def",
        "plss help", "nds game", "10 pts", "slt les gars", "whr r u", "psss come here",
        "nooo t_t", "moro all", "go.on", "go-on then", "pido ayuda", "no news", "he sits mid",
        "t.at one", "we ar.e here",
    ],
)  # fmt: skip
def test_a_short_form_is_not_taken_for_a_misspelt_insult(line: str) -> None:
    assert all(HARSH.isdisjoint(re.findall(r"\w+", way)) for way in readings(canonical(line)))


@pytest.mark.parametrize(
    "line", ["<3 <3 <3", "hi kili", "falling back", "weil er heil ist", "push mid > top", "mid (b) or (c)"]
)
def test_ordinary_lines_have_no_other_reading(line: str) -> None:
    assert readings(canonical(line)) == (line,)
