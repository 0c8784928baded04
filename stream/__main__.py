"""The program: ``chatwarden``, and ``python -m stream``."""

import signal


def main() -> None:
    """Run the command line.  Ctrl-C while that is imported ends the process without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from stream.cli import main as run

    run()


if __name__ == "__main__":
    main()
