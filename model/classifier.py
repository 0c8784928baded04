"""The classifier's interface: texts in, probabilities out.  Without torch, so that its callers need none."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from model.resolver import Answer, Poison, Scores, Text
from schemas.verdict import SCORE_DECIMALS, ResolvedBy


class ClassifierError(Exception):
    """The classifier could not answer.

    ClassifierError
     ├── ClassifierDown   it failed or is unavailable: hold the stream or pass unscored, as the settings say
     └── PoisonedText     it fails on one text even alone: that event becomes a dead letter
    """


class ClassifierDown(ClassifierError):
    """The classifier failed or is unavailable."""


class PoisonedText(ClassifierError):
    """The classifier fails on this text even alone.  ``index`` is its place among the texts given."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"text {index}: {reason}")
        self.index = index
        self.reason = reason


class Classifier(Protocol):
    """Scores canonical texts."""

    def __call__(self, texts: Sequence[str], /) -> Sequence[Scores]:
        """Return one vector per text, in order, on the grid of 0.001.  Blocks on the device.

        Raises:
            ClassifierDown: it cannot answer now.
            PoisonedText: one text breaks it.
        """
        ...


def on_grid(probabilities: Sequence[float]) -> Scores:
    """Round to the published grid."""
    return tuple(round(p, SCORE_DECIMALS) for p in probabilities)


class ClassifierResolver:
    """The classifier as the last resolver, which answers every text.

    Texts that differ only in language or pack are scored once.
    """

    kind: ResolvedBy = "classifier"

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier

    def __call__(self, texts: Sequence[Text], /) -> Sequence[Answer | Poison]:
        """Answer every text; a text that breaks the classifier is set aside and the rest is scored again.

        Raises:
            ClassifierDown: it cannot answer now.
        """
        waiting = list(dict.fromkeys(text.canonical for text in texts))
        poisons: dict[str, Poison] = {}
        scores: Sequence[Scores] = ()
        while waiting and not scores:
            try:
                scores = self._classifier(waiting)
            except PoisonedText as exc:
                poisons[waiting.pop(exc.index)] = Poison(exc.reason)
        found = dict(zip(waiting, scores, strict=True))
        return [poisons.get(text.canonical) or Answer(found[text.canonical], "classifier") for text in texts]


class Widened:
    """A classifier with an extended taxonomy: the added categories, which only rules know, score 0."""

    def __init__(self, classifier: Classifier, added: int) -> None:
        self._classifier = classifier
        self._zeros = (0.0,) * added

    def __call__(self, texts: Sequence[str], /) -> list[Scores]:
        """Score each text; raises as the classifier does."""
        return [scores + self._zeros for scores in self._classifier(texts)]


class PassWhenDown:
    """Lets messages pass unscored while the classifier is down; the policy decides their action.

    ``on_change`` is called with the cause when it goes down and with None when it is back, once each, by any thread.
    """

    kind: ResolvedBy = "classifier"

    def __init__(self, resolver: ClassifierResolver, on_change: Callable[[ClassifierDown | None], None]) -> None:
        self._resolver = resolver
        self._on_change = on_change
        self._down = False
        self._lock = threading.Lock()  # the judge and the gate audit call it, each in its own thread

    def __call__(self, texts: Sequence[Text], /) -> Sequence[Answer | Poison | None]:
        """Answer every text, or none while the classifier is down."""
        try:
            replies = self._resolver(texts)
        except ClassifierDown as exc:
            self._note(exc)
            return [None] * len(texts)
        self._note(None)
        return replies

    def _note(self, fault: ClassifierDown | None) -> None:
        with self._lock:
            if self._down != (fault is not None):
                self._down = not self._down
                self._on_change(fault)
