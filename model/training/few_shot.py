"""The learning curve: quality by number of own labels, with the public sets added."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.training.beforehand import refuse_one_sided
from model.training.calibrate import softmax
from model.training.data import Labelled, Sides, join
from model.training.evaluate import Progress
from model.training.fit import Order
from model.training.metrics import Bootstrap, Places, auc, average_precision, classes_of, macro_f1, recall_at
from model.training.train import Trained, predict, train
from schemas.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class Part:
    """A subset of the own labels: training lines, and the fifth that selects the epoch, which is labelled too."""

    train: Labelled
    dev: Labelled

    @property
    def labels(self) -> int:
        """The total number of labels."""
        return len(self.train) + len(self.dev)


def drawn(data: Labelled, size: int, seed: int) -> Labelled:
    """Draw lines at random; fewer if there are not as many."""
    places = np.random.default_rng(seed).permutation(len(data))[:size]
    return Labelled([data.examples[place] for place in places], [data.targets[place] for place in places])


def parts_of(
    sides: Sides, public: Labelled, sizes: Sequence[int], seed: int, taxonomy: Taxonomy, progress: Progress
) -> list[Part]:
    """Draw a part of each size, and all lines as the last; reports sizes that exceed the number of lines.

    A fifth of each is for development, or all development lines if they are fewer.

    Raises:
        DataError: what was drawn has no toxic or no clean line.
    """
    most = len(sides.train) + len(sides.dev)
    if over := sorted(size for size in sizes if size > most):
        progress(f"learning curve: only {most:,} own lines to draw from; left out: {', '.join(map(str, over))}")
    parts = []
    for size in sorted({*(size for size in sizes if size < most), most}):
        developing = min(size // 5, len(sides.dev))
        part = Part(drawn(sides.train, size - developing, seed), drawn(sides.dev, developing, seed))
        kind = f"of the learning curve's {size:,}: "
        refuse_one_sided(f"{kind}training", join([part.train, public]), taxonomy)
        refuse_one_sided(f"{kind}development", part.dev, taxonomy)
        parts.append(part)
    return parts


def learning_curve(
    order: Order, parts: Sequence[Part], test: Labelled, public: Labelled, progress: Progress, bootstrap: Bootstrap
) -> list[dict[str, Any]]:
    """Train on growing parts of the own lines, together with the public ones, and measure on the test side.

    One entry per part, none in processes that only help to train: ``labels`` in all, of which ``train`` and
    ``develop``; ``auc``, ``average_precision``, ``recall_at_precision_90``, ``macro_f1``, each with the interval of the
    test lines.
    Blocks for as long as so many trainings take.
    """
    found = []
    for part in parts:
        progress(f"learning curve: {part.labels:,} own labels")
        often = order.settings.repeats(len(part.train), len(public))
        learn = join([*[part.train] * often, public])
        costs = {"labels": part.labels, "train": len(part.train), "develop": len(part.dev)}
        trained = train(order.settings, order.taxonomy, learn, part.dev)
        if trained.leads:
            found.append(costs | _measured(order, trained, test, bootstrap))
    return found


def _measured(order: Order, trained: Trained, test: Labelled, bootstrap: Bootstrap) -> dict[str, list[float]]:
    shares = softmax(predict(trained, test.texts, order.settings.max_tokens))
    scores = trained.outputs.spread(shares, len(order.taxonomy.names))
    classes = classes_of(test.targets, order.taxonomy)
    toxic, ranked = classes.toxic, classes.toxic_scores(scores)
    predicted = classes.scores(scores).argmax(axis=1)
    measures: Mapping[str, Callable[[Places], float]] = {
        "auc": lambda rows: auc(toxic[rows], ranked[rows]),
        "average_precision": lambda rows: average_precision(toxic[rows], ranked[rows]),
        "recall_at_precision_90": lambda rows: recall_at(0.9, toxic[rows], ranked[rows]),
        "macro_f1": lambda rows: macro_f1(classes.truth[rows], predicted[rows]),
    }
    return {name: [round(value, 4) for value in bootstrap(measure, len(test))] for name, measure in measures.items()}
