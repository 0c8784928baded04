"""Logs of the strikes worker: our own lines, and libraries' lines without what could be a record's key or value.

A library's template is filled in according to the type of each value.  Numbers, partitions, classes and exception names
are shown.  Strings are shown only from aiokafka: at these levels it names topics, groups, hosts and members, never the
content of a record.  Elsewhere a string may be a key, and an object's representation a record.
"""

import logging
from collections.abc import Mapping, Set
from typing import Final

from stream.logs import Sparing, configure_logs

FAUST_LOG: Final = logging.getLogger("faust.strikes")
"""For what Faust logs under our classes' names."""
FOREIGN: Final = ("faust", "mode", "aiokafka", "aiohttp", "asyncio")
_NAMING: Final = "aiokafka"
_QUOTING: Final = ("faust.topics", "faust.tables.recovery")
"""Their lines are already formatted, one with a whole message."""
REPEAT_S: Final = 10.0
"""A library's line is repeated no sooner: aiokafka writes forty a second while Kafka is unavailable."""
_LEFT_OUT: Final = "…"
_MOST_SHOWN: Final = 20


class _Shown(str):
    """A string that looks the same under ``%s`` and ``%r``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Unquoted(logging.Filter):
    """Formats libraries' lines without content of records, and so of players, and drops repeated ones."""

    def __init__(self) -> None:
        super().__init__()
        self._sparing = Sparing(REPEAT_S)

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the line, as a single line without content of records, unless a similar one was written recently."""
        library = record.name.split(".", 1)[0]
        if library not in FOREIGN:
            return True
        record.msg = _line(record, library).split("\n", 1)[0]
        record.args = ()
        return self._sparing.filter(record)


def configure() -> None:
    """Send all logging of this process to stderr as JSON lines."""
    configure_logs()
    for name in FOREIGN:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Unquoted())


def _line(record: logging.LogRecord, library: str) -> str:
    template, values = str(record.msg), record.args
    if library == "asyncio":
        # It names the callback or the future and shows their contents.
        return template.split("\n", 1)[0].split("<", 1)[0].split("(", 1)[0].rstrip(" :")
    if not values:
        return f"a line that may quote a record ({record.name})" if record.name in _QUOTING else template
    texts = library == _NAMING
    try:
        if isinstance(values, Mapping):
            return template % {name: _shown(value, texts=texts) for name, value in values.items()}
        return template % tuple(_shown(value, texts=texts) for value in values)
    except (TypeError, ValueError, KeyError):
        return template


def _shown(value: object, *, texts: bool) -> object:
    """Return what may be shown of a value."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        return _Shown(type(value).__name__)
    if isinstance(value, type):
        return _Shown(value.__name__)
    if isinstance(value, str):
        return _Shown(value) if texts else _Shown(_LEFT_OUT)
    if isinstance(value, tuple) and getattr(value, "_fields", ()) == ("topic", "partition"):
        return _Shown(f"{value[0]} partition {value[1]}")
    if isinstance(value, list | tuple | Set):
        shown = [str(_shown(item, texts=texts)) for item in list(value)[:_MOST_SHOWN]]
        return _Shown(f"[{', '.join(shown)}{', ' + _LEFT_OUT if len(value) > _MOST_SHOWN else ''}]")
    return _Shown(_LEFT_OUT)
