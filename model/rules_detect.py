"""Detectors: what no word list finds. Links, contacts, personal data and floods, in canonical text.

Each is an RE2 pattern that finds candidates and, where the form alone is not proof, a check of the candidate.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from model.lexicon import HARSH, ORDINARY
from model.rules_pack import Detector, Rule

_TLD: Final = (
    "com|net|org|info|biz|xyz|site|online|club|shop|store|link|live|app|dev|tv|ru|cn|tk|co|io|su|icu|vip|example"
)
_SERVICE: Final = "snap|snapchat|insta|instagram|ig|discord|disc|telegram|whatsapp|tiktok|skype|facebook|fb|twitter"
PATTERNS: Final[dict[Detector, str]] = {
    "link": (
        r"\bhttps?://\S{3,}|\bwww\.[a-z0-9-]+\.\S{2,}"
        rf"|\b(?:[a-z0-9][a-z0-9-]{{0,62}}\.)+(?:{_TLD})\b(?:[/?#]\S*)?"
        rf"|\b[a-z0-9][a-z0-9-]{{2,62}} ?(?:\(dot\)|\[dot\]|\bdot\b) ?(?:{_TLD})\b"
    ),
    "invite": (
        r"\bdiscord(?:app)?(?: ?\. ?| dot )(?:gg|com ?/ ?invite) ?/? ?[a-z0-9-]{2,}"
        r"|\bt\.me/\S{3,}|\bchat\.whatsapp\.com/\S{4,}"
    ),
    "email": r"[a-z0-9._%+-]{1,64}(?:@| ?[\[(]at[\])] ?)(?:[a-z0-9-]{1,63}(?:\.| ?[\[(]dot[\])] ?))+[a-z]{2,24}\b",
    "phone": r"(?:\+|\b)\(?\d[\d ().-]{7,20}\d\b",
    "card": r"\b\d(?:[ -]?\d){12,18}\b",
    "network": r"\b(?:\d{1,3}\.){3}\d{1,3}\b(?::\d{2,5}\b)?",
    "handle": rf"\b[a-z0-9_.]{{2,32}}#\d{{4}}\b|\b(?:{_SERVICE}) ?(?:name|id|tag|user)? ?[:=] ?@?[a-z0-9._-]{{3,32}}",
    "address": r"\b\d{1,5} (?:[a-z]{2,20} ){1,3}(?:street|avenue|boulevard|blvd|straße|strasse)\b",
}

Found = tuple[int, int]


class Flood(NamedTuple):
    """Finds repetitions: of one character, or of one word."""

    blanks: int
    """A text with fewer has no such repetition."""
    shortest: int
    """Nor has a shorter one."""
    pattern: re.Pattern[str]

    def may_be_in(self, text: str) -> bool:
        """Tell whether a text is long enough to be searched and repeats as many words, wherever they stand."""
        if len(text) < self.shortest or text.count(" ") < self.blanks:
            return False
        words = text.split(" ")
        return len(words) - len(set(words)) >= self.blanks

    def __call__(self, text: str) -> Iterator[Found]:
        """Yield the repetitions."""
        yield from (match.span() for match in self.pattern.finditer(text))


def flood(rule: Rule) -> Flood | None:
    """Return the flood detector that a rule asks for, if any."""
    if rule.at_least is None:
        return None
    if rule.detector == "characters":
        return Flood(0, rule.at_least, re.compile(rf"(\S)\1{{{rule.at_least - 1},}}"))
    # A word is bounded, so that the search stays linear on any text.
    repeats = re.compile(rf"(?<!\S)(\S{{1,40}})(?: \1){{{rule.at_least - 1},}}(?!\S)")
    return Flood(rule.at_least - 1, 2 * rule.at_least - 1, repeats)


def _is_phone(found: str) -> bool:
    """Nine to fifteen digits that start or are grouped as numbers are dialled; no round sum, no coordinates."""
    digits = re.sub(r"\D", "", found)
    if not 9 <= len(digits) <= 15 or len(set(digits)) < 4:
        return False
    if re.search(r"\.\d{1,2}\.", found):
        return False
    dialled = found.startswith("+") or digits.startswith("0")
    return dialled or re.fullmatch(r"1?[ .-]?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}", found) is not None


def _is_card(found: str) -> bool:
    """Source: ISO/IEC 7812, check digit after Luhn."""
    digits = [int(sign) for sign in found if sign.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _is_network(found: str) -> bool:
    parts = [int(part) for part in found.split(":")[0].split(".")]
    return max(parts) < 256 and sum(part > 9 for part in parts) > 1 and parts[0] > 0


def _is_address(found: str) -> bool:
    return not _FUNCTION_WORDS.intersection(found.split())


_FUNCTION_WORDS: Final = frozenset(
    {"a", "at", "by", "down", "for", "from", "go", "in", "into", "is", "me", "my", "of", "on", "or", "our"}
    | {"the", "to", "up", "via", "we", "with"}
)


_SCHEME: Final = re.compile(r"^(?:https?://)?(?:www\.)?")
_TWO_WORDS: Final = re.compile(r"([a-z]+)\.([a-z]+)")


def _is_link(excepted: tuple[str, ...], found: str) -> bool:
    """Anything but what leads to an excepted site, and a bare everyday word before an ending: "feed.com", "go.live"."""
    words = _TWO_WORDS.fullmatch(found)
    if words is not None and words[1] in _EVERYDAY:
        return False
    host = re.split(r"[/?#]", _SCHEME.sub("", found, count=1), maxsplit=1)[0]
    return not any(host == site or host.endswith(f".{site}") for site in excepted)


_EVERYDAY: Final = ORDINARY - HARSH


def _is_any(_: str) -> bool:
    return True


CHECKS: Final[dict[Detector, Callable[[str], bool]]] = {
    "address": _is_address,
    "phone": _is_phone,
    "card": _is_card,
    "network": _is_network,
}


def check_of(rule: Rule) -> Callable[[str], bool]:
    """Return what a candidate of this rule's detector must pass."""
    if rule.detector == "link":
        return partial(_is_link, rule.except_sites)
    return CHECKS.get(rule.detector, _is_any) if rule.detector else _is_any
