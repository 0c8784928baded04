"""Error handling for the workshop's modules run as commands (``python -m model.training...``)."""

import sys
from collections.abc import Callable

from model.errors import ModelError


def run_main(main: Callable[[], None]) -> None:
    """Run a command; unusable input gives one line on standard error and exit code 2.

    Raises:
        SystemExit: with 2.
    """
    try:
        main()
    except ModelError as exc:
        sys.stderr.write(f"{exc}\n")
        raise SystemExit(2) from exc
