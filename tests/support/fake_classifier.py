"""A classifier without a network: scores follow from a digest of the text."""

import hashlib
from collections.abc import Sequence

from model.classifier import ClassifierDown, PoisonedText, on_grid
from model.resolver import Scores
from schemas.taxonomy import NON_TOXIC, Taxonomy


class FakeClassifier:
    """Scores by digest.  ``poison`` marks texts that break it; ``down`` makes every call fail; ``asked`` is kept."""

    def __init__(self, taxonomy: Taxonomy, poison: str | None = None) -> None:
        self._names = taxonomy.names
        self._poison = poison
        self.down = False
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        """Score each text.

        Raises:
            ClassifierDown: it was told to be down.
            PoisonedText: a text holds the poison.
        """
        if self.down:
            raise ClassifierDown("told to be down")
        for index, text in enumerate(texts):
            if self._poison is not None and self._poison in text:
                raise PoisonedText(index, "it holds the poison")
        self.asked.extend(texts)
        return [self._score(text) for text in texts]

    def _score(self, text: str) -> Scores:
        raw = hashlib.blake2b(text.encode(), digest_size=len(self._names)).digest()
        weights = [byte + 1 + 200 * (name == NON_TOXIC) for byte, name in zip(raw, self._names, strict=True)]
        return on_grid([weight / sum(weights) for weight in weights])
