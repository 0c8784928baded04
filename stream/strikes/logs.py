"""Logs of the strikes worker: ours, and of Faust's only what cannot quote a record."""

import logging
from typing import Final

from stream.logs import configure_logs

FAUST_LOG: Final = logging.getLogger("faust.strikes")
"""For what Faust says in our classes' names."""
FOREIGN: Final = ("faust", "mode", "aiokafka", "aiohttp")


class Unquoted(logging.Filter):
    """Reduces a foreign line to its template: its values may be records, hence player ids."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the line, without its values."""
        if record.name.split(".", 1)[0] in FOREIGN:
            record.args = ()
            record.msg = str(record.msg).splitlines()[0] if record.msg else ""
        return True


def configure() -> None:
    """Send all logging of this process to stderr as JSON lines."""
    configure_logs()
    for name in FOREIGN:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Unquoted())
