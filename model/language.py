"""Language detection, done only where something depends on the language.

Chat lines are short, and a guess from two words is unreliable: below ``LEAST_LETTERS`` letters or ``LEAST_SURE`` the
answer is "" for unknown, and rules for one language do not apply.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LANGUAGE_VERSION: Final = "1"
"""Part of the scorer digest where languages are detected."""
LEAST_LETTERS: Final = 16
LEAST_SURE: Final = 0.9
_REMEMBERED: Final = 16_384


class Languages:
    """Detects the language, among those given and English, or among all known ones if none is given."""

    def __init__(self, among: frozenset[str] = frozenset()) -> None:
        """Load the identifier; blocks for about a second.

        Raises:
            ValueError: a language cannot be detected.
        """
        self._identifier = _identifier(among)
        self._identify = lru_cache(maxsize=_REMEMBERED)(self._ask)

    def __call__(self, canonical: str) -> str:
        """Return the language as ISO 639-1, "" if uncertain.  About 100 µs for a new text."""
        if sum(map(str.isalpha, canonical)) < LEAST_LETTERS:
            return ""
        return self._identify(canonical)

    def _ask(self, canonical: str) -> str:
        language, share = self._identifier.classify(canonical)
        return str(language) if float(share) >= LEAST_SURE else ""


def _identifier(among: frozenset[str]) -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    unknown = sorted(among - set(identifier.nb_classes))
    if unknown:
        raise ValueError(f"languages that cannot be detected: {', '.join(unknown)}")
    if among:
        identifier.set_languages(sorted(among | {"en"}))
    return identifier
