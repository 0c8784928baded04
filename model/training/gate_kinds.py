"""Compare kinds of gates, each distilled on the same lines.

    python -m model.training.gate_kinds --bundle DIR --data DIR

Prints, by game and recall, the ratio of texts passed to positives in all chat that the gate has not seen.  The
threshold is each kind's own best, chosen in hindsight, so that kinds are compared and not thresholds.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from model.bundle import load_bundle
from model.gate_words import Reader, Words
from model.pieces import pieces_of
from model.training.gate import asking, lessons, limits_of, word_vectors
from model.training.gate_chat import SEED, read_chat
from model.training.gate_fit import Batch, Learner, Shape, Student, Vectors, fit, lesson, predicted
from model.training.gate_measure import Floats, distances, in_every_reading, margins, share_passed, threshold, worst
from model.training.run_main import run_main

KEPT: Final = (0.99, 0.999)
BUCKETS: Final = 1 << 14
LINES: Final = 20_000
"""Enough to distinguish kinds; more improve every kind."""


class Bag(Student):
    """The sum of a text's tokens, with or without a hidden layer; without one it is linear."""

    def __init__(self, rows: int, width: int, hidden: int, categories: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(rows, width, mode="sum")
        nn.init.normal_(self.table.weight, 0, 0.1)
        self.hidden = nn.Linear(width, hidden) if hidden else None
        self.out = nn.Linear(hidden or width, categories)

    def forward(self, batch: Batch) -> Tensor:
        """Return distances to each category's limit, (texts, categories)."""
        meaning = self.table(batch.grams, batch.starts) * batch.shares
        text = torch.cat([torch.zeros(1, meaning.shape[1]), meaning])[batch.words].sum(1)
        distances: Tensor = self.out(text if self.hidden is None else torch.relu(self.hidden(text)))
        return distances


def kinds(pieces: Reader, categories: int, vectors: Vectors | None = None) -> dict[str, tuple[Reader, Student]]:
    """Return each kind by name: its reader and its untrained network.

    ``vectors`` are the classifier's own embeddings of the pieces.
    """
    words, shape = Words(BUCKETS), Shape()
    return {
        "linear, n-grams": (words, Bag(BUCKETS, shape.width, 0, categories)),
        "embedding bag, n-grams": (words, Bag(BUCKETS, shape.width, shape.hidden, categories)),
        "convolution, n-grams": (words, Learner(BUCKETS, shape, categories)),
        "embedding bag, pieces": (pieces, Bag(pieces.rows, shape.width, shape.hidden, categories)),
        "convolution, pieces": (pieces, Learner(pieces.rows, shape, categories)),
        "the same, begun with the classifier's vectors": (pieces, Learner(pieces.rows, shape, categories, vectors)),
    }


def row(
    reader: Reader, student: Student, held: Mapping[str, tuple[Sequence[str], Floats]], kept: Sequence[float] = KEPT
) -> list[str]:
    """Return a trained kind's ratios by game and recall; ``held`` has texts with their margins."""

    def score(texts: Sequence[str]) -> Floats:
        return predicted(student, lesson(texts, reader))

    cells = []
    for texts, margin in held.values():
        scores, positive = in_every_reading(score, texts), margin >= 0
        for share in kept:
            found = share_passed(scores, positive, threshold(scores, positive, share, caution=1.0))
            cells.append(str(found["ratio"]))
    return cells


def main() -> None:
    """Read the arguments, distil each kind and print the table."""
    parser = argparse.ArgumentParser(prog="python -m model.training.gate_kinds", description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public chat")
    parser.add_argument("--lines", type=int, default=LINES, help=f"lines of chat to learn (default {LINES:,})")
    parser.add_argument("--made", type=int, default=LINES, help=f"mixed lines to add, twice (default {LINES:,})")
    parser.add_argument("--epochs", type=int, default=4, help="passes over the texts (default 4)")
    given = parser.parse_args()
    bundle = load_bundle(given.bundle)
    chat, ask, limits, names = read_chat(given.data), asking(bundle), limits_of(bundle), bundle.taxonomy.names
    unseen = {game: [*chat.chosen_on[game], *texts] for game, texts in chat.measured_on.items()}
    held = {game: (texts, margins(worst(ask, texts), limits, names)) for game, texts in unseen.items()}
    train = chat.train[:: max(1, len(chat.train) // given.lines)]
    texts, said = lessons(train, ask, limits, names, given.made)
    wanted = distances(said, limits, names)
    print("| kind | " + " | ".join(f"{game} {share:.1%}" for game in held for share in KEPT) + " |")
    print("|---" * (1 + len(held) * len(KEPT)) + "|")
    torch.manual_seed(SEED)
    for name, (reader, student) in kinds(pieces_of(bundle), len(limits), word_vectors(bundle)).items():
        fit(student, lesson(texts, reader), wanted, epochs=given.epochs, seed=SEED)
        print(f"| {name} | " + " | ".join(row(reader, student, held)) + " |", flush=True)


if __name__ == "__main__":
    run_main(main)
