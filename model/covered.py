"""Words that players write with letters covered ("f*ck"), written by us, commonest first."""

from collections.abc import Mapping
from typing import Final

_WORDS: Final = (
    "fuck", "fucker", "fuckers", "fucking", "fucked", "fuckin", "shit", "shitty", "shits", "bullshit", "bitch",
    "bitches", "asshole", "assholes", "cunt", "cunts", "dick", "dicks", "dickhead", "cock", "cocks", "cocksucker",
    "pussy", "pussies", "bastard", "bastards", "whore", "whores", "slut", "sluts", "motherfucker", "motherfuckers",
    "nigger", "niggers", "nigga", "niggas", "faggot", "faggots", "fag", "fags", "retard", "retards", "retarded",
    "idiot", "idiots", "moron", "morons", "stupid", "noob", "noobs", "trash", "scum", "loser", "losers", "dumb",
    "dumbass", "kill", "yourself", "suck", "sucks", "crap", "damn", "piss", "wanker", "wankers", "twat", "kike",
    "chink", "tranny", "nazi", "rape", "die", "ass", "hell", "uninstall", "cancer", "autist", "monkey", "monkeys",
    "gay", "jew", "jews", "porn", "sex", "cum", "tits", "boobs", "penis", "dumbfuck", "garbage", "pathetic",
    "disgusting", "clown", "clowns", "bot", "bots", "worthless", "useless",
)  # fmt: skip


def _by_outline() -> dict[tuple[int, str], tuple[str, ...]]:
    found: dict[tuple[int, str], tuple[str, ...]] = {}
    for word in _WORDS:
        found[len(word), word[0]] = (*found.get((len(word), word[0]), ()), word)
    return found


COVERED_WORDS: Final[Mapping[tuple[int, str], tuple[str, ...]]] = _by_outline()
"""The words by length and first letter."""
