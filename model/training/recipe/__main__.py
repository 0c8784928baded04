"""Make the default bundle from the public sets: ``python -m model.training.recipe --data DIR --out DIR``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from model.errors import ModelError

if TYPE_CHECKING:
    from model.training.recipe.plan import Plan

USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipe; exit code 0 if the bundle is written, 2 if the data or the base cannot be used."""
    given = _parser().parse_args(arguments)
    import torch

    from model.training.recipe.bases import bge_small, minilm
    from model.training.recipe.stages import make_bundle

    torch.set_num_threads(given.threads)
    try:
        bases = {"minilm": given.base or minilm(), "bge-small": given.second_base or bge_small(given.out)}
        bundle = make_bundle(given.data, bases, given.out, _plan(given))
    except ModelError as exc:
        print(exc, file=sys.stderr)
        return USAGE
    print(bundle)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model.training.recipe", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the files of the public sets")
    parser.add_argument(
        "--out", type=Path, required=True, help="directory of the stages; finished ones are kept and skipped"
    )
    parser.add_argument("--base", type=Path, help="BERT to adapt and start from (default: the installed MiniLM)")
    parser.add_argument("--second-base", type=Path, help="BERT to start from (default: bge-small, fetched by Maven)")
    larger = parser.add_argument_group("a larger bundle", "the defaults are those of the bundle that ships")
    larger.add_argument(
        "--teachers",
        type=int,
        default=3,
        choices=range(1, 10),
        metavar="N",
        help="fine-tuned encoders to hear, of both bases in turn (default: 3)",
    )
    larger.add_argument(
        "--copies",
        type=int,
        default=1,
        choices=range(10),
        metavar="N",
        help="rounds of invented lines to learn from (default: 1)",
    )
    larger.add_argument(
        "--layers",
        type=int,
        default=2,
        choices=range(1, 7),
        metavar="N",
        help="layers of the student, at most 6 (default: 2)",
    )
    larger.add_argument("--vocabulary", type=int, default=5_100, help="word pieces of the student (default: 5100)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    return parser


def _plan(given: argparse.Namespace) -> "Plan":
    from model.training.recipe.plan import ADAPTED, Plan, Start

    starts = ((ADAPTED, 3), ("bge-small", 2))
    return Plan(
        teachers=tuple(Start(*starts[number % 2], 11 + number) for number in range(given.teachers)),
        copies=given.copies,
        student_layers=tuple(range(given.layers)),
        student_vocabulary=given.vocabulary,
        threads=given.threads,
    )


if __name__ == "__main__":
    sys.exit(main())
