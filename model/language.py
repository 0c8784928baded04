"""Language detection, done only where something depends on the language.

Chat lines are short, and a guess from two words is unreliable: below ``LEAST_LETTERS`` letters or ``LEAST_SURE`` the
answer is "" for unknown, and rules for one language do not apply.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LANGUAGE_VERSION: Final = "2"
"""Part of the scorer digest where languages are detected."""
LEAST_LETTERS: Final = 16
LEAST_SURE: Final = 0.9
_REMEMBERED: Final = 16_384


class Languages:
    """Detects the language if it is one of those given or English; any language if none is given."""

    def __init__(self, among: frozenset[str] = frozenset()) -> None:
        """Load the identifier; blocks for about a second.

        Raises:
            ValueError: a language cannot be detected.
        """
        self._identifier = _identifier()
        known = frozenset(self._identifier.nb_classes)
        if unknown := sorted(among - known):
            raise ValueError(f"languages that cannot be detected: {', '.join(unknown)}")
        self._among = among | {"en"} if among else known
        self._identify = lru_cache(maxsize=_REMEMBERED)(self._ask)

    def __call__(self, canonical: str) -> str:
        """Return the language as ISO 639-1, "" if uncertain.  About 100 µs for a new text."""
        if sum(map(str.isalpha, canonical)) < LEAST_LETTERS:
            return ""
        return self._identify(canonical)

    def _ask(self, canonical: str) -> str:
        """The likeliest of all languages must be one of ours, and sure among these: chat of any other is no guess."""
        shares = {str(language): float(share) for language, share in self._identifier.rank(canonical)}
        likeliest = max(shares, key=shares.__getitem__)
        ours = sum(shares[language] for language in self._among)
        return likeliest if likeliest in self._among and shares[likeliest] >= LEAST_SURE * ours else ""


def _identifier() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
