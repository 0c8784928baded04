"""``python -m stream`` is ``chatwarden``."""

from stream.cli import main

main()
