"""The ensemble of the fine-tuned teachers and the linear model."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.training.recipe.lessons import Lesson
from model.training.recipe.linear import ask_linear, fit_linear, out_of_fold
from model.training.recipe.teacher import ask_teacher

Floats = NDArray[np.float32]

LINEAR_VOICE: Final = 0.2
"""Share of the linear model in the mean of log probabilities; the teachers share the rest equally."""


@dataclass(frozen=True, slots=True)
class Linear:
    """The linear model of one head, and its out-of-fold predictions for its own training texts."""

    head: str
    labels: int
    model: Any
    unseen: Mapping[str, Floats]

    def ask(self, texts: Sequence[str]) -> Floats:
        """Return (texts, labels); training texts get their out-of-fold prediction."""
        answer = ask_linear(self.model, texts, self.labels)
        for row, text in enumerate(texts):
            if text in self.unseen:
                answer[row] = self.unseen[text]
        return answer


def linear_of(head: str, lessons: Sequence[Lesson], seed: int) -> Linear:
    """Fit the linear model of a head, and out of fold; blocks for a minute or two."""
    folds = out_of_fold(lessons, seed)
    unseen = {lesson.text: folds[row] for row, lesson in enumerate(lessons)}
    return Linear(head, folds.shape[1], fit_linear(lessons), unseen)


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Teachers and linear models; the teachers run in parallel."""

    teachers: Sequence[Path]
    linears: Sequence[Linear]
    workers: Executor

    def ask(self, texts: Sequence[str]) -> dict[str, Floats]:
        """Return each head's probabilities: the normalised geometric mean of all members; blocks for minutes."""
        asked = [self.workers.submit(ask_teacher, teacher, texts) for teacher in self.teachers]
        voices = [future.result() for future in asked]
        answers = {head: np.mean([np.log(voice[head] + 1e-6) for voice in voices], axis=0) for head in voices[0]}
        for linear in self.linears:
            said = np.log(linear.ask(texts) + 1e-6)
            answers[linear.head] = (1 - LINEAR_VOICE) * answers[linear.head] + LINEAR_VOICE * said
        return {head: _normalised(np.exp(answer)) for head, answer in answers.items()}


def _normalised(answer: Floats) -> Floats:
    return np.asarray(answer / answer.sum(1, keepdims=True), dtype=np.float32)
