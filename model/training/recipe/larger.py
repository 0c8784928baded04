"""Make a larger, multilingual bundle: ``python -m model.training.recipe.larger --data DIR --out DIR``.

Twelve layers of multilingual-e5-small instead of two, by the stages of the recipe: fine-tuned twice, and the first of
both distilled from the two.  It needs ``requirements/larger.txt``, two hours of two processor cores, and no Maven.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from model.errors import ModelError

E5: Final = "e5"
USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit code 0 if the bundle is written, 2 if the data or the base cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m model.training.recipe.larger", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the files of the public sets")
    parser.add_argument(
        "--out", type=Path, required=True, help="directory of the stages; finished ones are kept and skipped"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    given = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(given.threads)
    try:
        print(make_larger(given.data, given.out, given.threads))
    except ModelError as exc:
        print(exc, file=sys.stderr)
        return USAGE
    return 0


def make_larger(data: Path, out: Path, threads: int) -> Path:
    """Run every unfinished stage and return the bundle's directory; blocks for hours.

    Raises:
        WorkshopError: the base encoder is missing or another one.
        SourceError, LabelError, LeakError: the data cannot be used.
    """
    from model.training.recipe.corpus import read_corpus
    from model.training.recipe.multilingual import multilingual_e5
    from model.training.recipe.plan import Plan, Start
    from model.training.recipe.stages import make_bundle

    corpus = read_corpus(data)
    texts = dict.fromkeys(example.text for part in corpus.train.values() for example in part)
    base = multilingual_e5([*(texts | dict.fromkeys(corpus.raw))], out / E5)
    plan = Plan(
        teachers=(Start(E5, 2, 11, frozen=3), Start(E5, 2, 13, frozen=3)),
        copies=0,
        student_layers=tuple(range(12)),
        student_vocabulary=None,
        student_epochs=2,
        student_rate=1e-4,
        student_frozen=8,
        threads=threads,
        name="chatwarden-larger",
        base="intfloat/multilingual-e5-small (MIT)",
        recipe="python -m model.training.recipe.larger",
    )
    return make_bundle(data, {E5: base}, out, plan)


if __name__ == "__main__":
    sys.exit(main())
