"""The program: ``chatwarden``, and ``python -m stream``."""

import os
import signal
from types import FrameType


def main() -> None:
    """Run the command line.  A signal during its import ends the process at once, without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # PID 1 in a container has no default action: without a handler it would ignore the signal and be killed later.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)
    from stream.cli import main as run

    run()


def _end(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    main()
