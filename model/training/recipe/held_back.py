"""Write the recipe's held-out lines: ``python -m model.training.recipe.held_back --data DIR --out DIR``.

One side of both games as CSV, so that ``chatwarden evaluate`` and ``compare`` measure on the lines of the card's
figures (test) or on those that offsets, twins, epoch and thresholds were chosen on (dev).
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from model.errors import ModelError
from model.training.recipe.pool import GAMES


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one file per game; exit code 0 if they are written, 2 if the data cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m model.training.recipe.held_back", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the files of the public sets")
    parser.add_argument("--out", type=Path, required=True, help="directory for GAME_SIDE.csv")
    parser.add_argument("--side", choices=("test", "dev"), default="test", help="which lines (default: test)")
    given = parser.parse_args(arguments)
    from model.training.recipe.corpus import read_corpus

    try:
        corpus = read_corpus(given.data)
    except ModelError as exc:
        print(exc, file=sys.stderr)
        return 2
    side = {"test": corpus.test, "dev": corpus.dev}[given.side]
    given.out.mkdir(parents=True, exist_ok=True)
    for game in GAMES:
        file = given.out / f"{game}_{given.side}.csv"
        with file.open("w", encoding="utf-8", newline="") as opened:
            table = csv.writer(opened)
            table.writerow(["text", "label"])
            table.writerows([example.text, example.labels[0]] for example in side[game])
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
