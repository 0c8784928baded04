"""Detectors for what word lists cannot find: links, contacts, personal data and floods, in canonical text.

Each is an RE2 pattern that finds candidates and, if the form alone is not conclusive, a check of the candidate.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

from model.lexicon import COURTESY, HARSH, ORDINARY
from model.parts import Lines
from model.rules_pack import Detector, Rule

_TLD: Final = (
    "com|net|org|info|biz|xyz|site|online|club|shop|store|link|live|app|dev|tv|ru|cn|tk|co|io|su|icu|vip|example"
)
_TLD_WITH_PATH: Final = (
    "ly|be|gg|me|gl|cc|ws|pw|gd|ai|de|fr|pl|uk|eu|nl|es|br|us|ca|by|kz|ua|cz|ro|hu|gr|tr|jp|kr|lt|lv"
)
"""Endings that also occur in sentences without a blank ("gg.me"): accepted only before a path."""
_SERVICE: Final = "snapchat|snap|instagram|insta|ig|discord|disc|telegram|whatsapp|tiktok|skype|facebook|fb|twitter|kik"
_POST: Final = "gmail|hotmail|yahoo|outlook|icloud|proton|protonmail|gmx|aol"
_NUMERALS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "oh")
_NUMERAL: Final = "|".join(_NUMERALS)
_STREET: Final = "street|avenue|boulevard|blvd|strasse"
PATTERNS: Final[dict[Detector, str]] = {
    "link": (
        r"\bh(?:tt|xx)ps?://\S{3,}|\bwww\.[a-z0-9-]+\.\S{2,}"
        rf"|\b(?:[a-z0-9][a-z0-9-]{{0,62}}[.。])+(?:{_TLD})\b(?:[/?#]\S*)?"
        rf"|\b(?:[a-z0-9][a-z0-9-]{{1,62}}[.。])+(?:{_TLD_WITH_PATH})/[a-z0-9]\S*"
        rf"|\b[a-z0-9][a-z0-9-]{{2,62}} ?(?:\(dot\)|\[dot\]|\(\.\)|\[\.\]|\bdot\b) ?(?:{_TLD})\b"
        r"|\b[a-z0-9][a-z0-9-]{2,62} ?(?:\(dot\)|\[dot\]|\(\.\)|\[\.\]) ?gg\b"
    ),
    "invite": (
        r"\bdiscord(?:app)?(?:\.| dot )(?:gg|com/invite) ?(?:[/\\]|slash )? ?[a-z0-9-]{2,}"
        r"|\bdiscord(?:app)?(?: ?[.,] ?| dot | )(?:gg|com ?/ ?invite) ?/ ?[a-z0-9-]{2,}"
        r"|\bt\.me/\S{3,}|\bchat\.whatsapp\.com/\S{4,}|\bwa\.me/\S{4,}|\b(?:dsc\.gg|discord\.(?:me|io|li))/\S{2,}"
        r"|(?:\B\.|(?:\bdot|\(dot\)|\[dot\]|\(\.\)|\[\.\]) ?)gg ?(?:[/\\]|\bslash\b) ?[a-z0-9-]{3,}"
    ),
    "email": (
        r"[a-z0-9._%+-]{1,64}(?:@| ?[\[(]at[\])] ?)(?:[a-z0-9-]{1,63}(?:\.| ?[\[(]dot[\])] ?))+[a-z]{2,24}\b"
        rf"|\b[a-z0-9._%+-]+ at (?:{_POST}) ?(?:\.| dot) ?[a-z]{{2,5}}\b"
    ),
    "phone": (
        r"(?:\+ ?\(?\d|\(0\d|\b0\d)[\d ().-]{6,19}\d\b|\b0\d{2,5} ?/ ?\d{4,9}\b"
        r"|(?:\b1[ .-]?)?(?:\(\d{3}\) ?|\b\d{3}[ .-])\d{3}[ .-]\d{4}\b"
        rf"|\b(?:(?:{_NUMERAL})[ ,.-]{{1,2}}){{8,14}}(?:{_NUMERAL})\b"
    ),
    "card": r"\b\d(?:[ -]?\d){12,18}\b",
    "network": (
        r"(?:\b(?:version|ver|patch|build|driver|firmware) ?)?\b(?:\d{1,3}\.){3}\d{1,3}\b(?::\d{2,5}\b)?"
        r"|\[[0-9a-f:]{6,39}\](?::\d{2,5}\b)?|\b[0-9a-f]{1,4}:[0-9a-f:]{4,34}"
    ),
    "handle": (
        rf"\b[a-z0-9_.]{{2,32}}#\d{{4}}\b"
        rf"|\b(?:{_SERVICE}) ?(?:name|id|tag|user)? ?[:=] ?@?[a-z0-9._-]{{3,32}}(?:#\d{{4}})?"
        rf"|\bmy (?:{_SERVICE})(?: name| id| tag| user| username)?(?: is|'?s)? @?[a-z_][a-z0-9._-]{{2,31}}(?:#\d{{4}})?"
        r"|\b(?:snapchat|snap|instagram|insta|discord|telegram|tiktok|skype|kik) @?[a-z][a-z0-9._-]{5,31}(?:#\d{4})?"
    ),
    "address": (
        rf"\b\d{{1,5}}[a-z]? (?:[a-z]{{2,20}} ){{1,3}}(?:{_STREET})\b|\b[a-zäöü]{{3,}}strasse \d{{1,4}}[a-z]?\b"
        r"|\b(?:live|lives|living|address is) (?:at |on |in )?\d{1,5}[a-z]? (?:[a-z]{2,20} ){1,3}"
        r"(?:st|ave|rd|road|lane|drive)\b"
    ),
}

Found = tuple[int, int]


class Flood(NamedTuple):
    """Finds repetitions: of one character, or of one word."""

    pattern: re.Pattern[str]
    may_be_in: Callable[[Lines], list[int]]
    """Numbers of the texts that may have such a repetition."""

    def __call__(self, text: str) -> Iterator[Found]:
        """Yield the repetitions."""
        yield from (match.span() for match in self.pattern.finditer(text))


def flood(rule: Rule) -> Flood | None:
    """Return a rule's flood detector, if any."""
    if rule.at_least is None:
        return None
    if rule.detector == "characters":
        return Flood(re.compile(rf"(\S)\1{{{rule.at_least - 1},}}"), partial(_long, rule.at_least))
    # A word is bounded, so that the search stays linear on any text.
    repeats = re.compile(rf"(?<!\S)(\S{{1,40}})(?: \1){{{rule.at_least - 1},}}(?!\S)")
    return Flood(repeats, partial(_repetitive, rule.at_least))


def _long(at_least: int, lines: Lines) -> list[int]:
    """Return the texts with a part of so many bytes."""
    return lines.with_any(lines.ends - lines.starts >= at_least)


def _repetitive(at_least: int, lines: Lines) -> list[int]:
    """Return the texts in which so many parts are equal to the next, or all but one of them."""
    repeated = ((lines.numbers[:-1] == lines.numbers[1:]) & lines.inner[:-1]).nonzero()[0]
    if len(repeated) < at_least - 1:
        return []
    return [text for text, times in Counter(lines.owners(repeated).tolist()).items() if times >= at_least - 1]


def _is_phone(found: str) -> bool:
    """Nine to fifteen digits that begin or are grouped like phone numbers; no round sums, coordinates or dates."""
    if found[0].isalpha():
        return _is_spelled_out(found)
    digits = re.sub(r"\D", "", found)
    if not 9 <= len(digits) <= 15 or len(set(digits)) < 4:
        return False
    if re.search(r"\.\d{1,2}\.", found) or _DATE.match(found) or all(map(_is_round, re.findall(r"\d+", found))):
        return False
    dialled = found.lstrip("(").startswith(("+", "0"))
    return dialled or _AMERICAN.fullmatch(found) is not None


def _is_spelled_out(found: str) -> bool:
    """Whether words spell a number, as opposed to counting up, down or repeating."""
    digits = [_NUMERALS.index(word) % 10 for word in re.findall("[a-z]+", found)]
    counted = sum(abs(one - other) == 1 for one, other in pairwise(digits))
    return len(set(digits)) > 3 and 3 * counted < 2 * len(digits) - 2


_DATE: Final = re.compile(r"\(?[0-3]?\d[-./ ][01]?\d[-./ ](?:19|20)\d\d\b")
_AMERICAN: Final = re.compile(r"(?:1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}")
"""Source: North American Numbering Plan; neither area nor exchange begins with 0 or 1."""


def _is_round(number: str) -> bool:
    return number.endswith("00")


def _is_card(found: str) -> bool:
    """Source: ISO/IEC 7812: Luhn check digit, and issuers' first digits and lengths, which player ids lack."""
    digits = [int(sign) for sign in found if sign.isdigit()]
    if digits[0] not in _ISSUERS or len(digits) in {17, 18}:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


_ISSUERS: Final = frozenset({2, 3, 4, 5, 6})


def _is_email(found: str) -> bool:
    """Anything but a callout ("ward@river.now"), which ends in an everyday word of more than two letters."""
    ending = re.split(r"[^a-z]", found)[-1]
    return len(ending) == 2 or ending in _TLD.split("|") or ending not in _EVERYDAY


def _is_handle(found: str) -> bool:
    """A tag, or a name with a digit, underscore or @; after a colon any word but an everyday one."""
    name = re.split(r"[\s:=@]", found)[-1].rstrip("._-")
    if "#" in found or "@" in found or re.search(r"[a-z].*\d|\d.*[a-z]|_", name):
        return True
    return re.search("[:=]", found) is not None and not (name in _EVERYDAY or name in _OUT_OF_ORDER)


def _is_invite(found: str) -> bool:
    """Anything but what players say at a game's end without naming a service: ".gg/wp"."""
    named = found[0].isalpha() and not found.startswith("dot")
    return named or re.split(r"[/\\ ]", found)[-1] not in _SAID


def _is_network(found: str) -> bool:
    if "." not in found:
        return _is_long_network(found)
    if found[0].isalpha():
        return False
    parts = [int(part) for part in found.split(":")[0].split(".")]
    return max(parts) < 256 and sum(part > 9 for part in parts) > 1 and parts[0] > 0


def _is_long_network(found: str) -> bool:
    """An IPv6 address with a digit and two groups of three characters or more, which times and scores lack."""
    address = found[1:].partition("]")[0] if found[0] == "[" else found
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return re.search(r"\d", address) is not None and sum(len(group) > 2 for group in address.split(":")) > 1


def _is_address(found: str) -> bool:
    return not _NO_STREET.intersection(re.split(r"\d", found)[-1].split())


_NO_STREET: Final = frozenset(
    {"a", "at", "by", "down", "for", "from", "go", "in", "into", "is", "me", "my", "of", "on", "or", "our"}
    | {"the", "to", "up", "via", "we", "with", "more", "left", "times", "min", "mins", "sec", "secs", "kills", "hp"}
    | {"man", "men", "guy", "guys", "people", "player", "players", "enemy", "enemies", "shot", "shots", "hit", "hits"}
    | {"tank", "tanks", "heavy", "heavies", "med", "meds"}
)
"""Words that are not street names but follow a number in games: "5 man street"."""


_SCHEME: Final = re.compile(r"^(?:h(?:tt|xx)ps?://)?(?:www\.)?")
_TWO_WORDS: Final = re.compile(r"([a-z]+)\.([a-z]+)")


def _is_link(excepted: tuple[str, ...], found: str) -> bool:
    """Anything but a link to an excepted site or a bare everyday word before an ending: "feed.com", "go.live"."""
    words = _TWO_WORDS.fullmatch(found)
    if words is not None and words[1] in _EVERYDAY:
        return False
    host = re.split(r"[/?#]", _SCHEME.sub("", found, count=1), maxsplit=1)[0]
    return not any(host == site or host.endswith(f".{site}") for site in excepted)


_EVERYDAY: Final = ORDINARY - HARSH
_SAID: Final = _EVERYDAY | frozenset(COURTESY)
_OUT_OF_ORDER: Final = frozenset(
    {"broken", "bugged", "crashed", "crashing", "fireball", "lagging", "laggy", "lags", "offline", "online"}
)
"""What services are, too."""


def _is_any(_: str) -> bool:
    return True


CHECKS: Final[dict[Detector, Callable[[str], bool]]] = {
    "address": _is_address,
    "email": _is_email,
    "handle": _is_handle,
    "invite": _is_invite,
    "phone": _is_phone,
    "card": _is_card,
    "network": _is_network,
}


def check_of(rule: Rule) -> Callable[[str], bool]:
    """Return the check for candidates of this rule's detector."""
    if rule.detector == "link":
        return partial(_is_link, rule.except_sites)
    return CHECKS.get(rule.detector, _is_any) if rule.detector else _is_any
