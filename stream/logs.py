"""Logs: one JSON object per line, in UTC, without chat text and player ids, including the message that ends a process.

Only the fields named in ``Field`` are written.  An exception shows its type and stack, and its message only if it is
our own, since the messages of libraries may quote their input.
"""

import json
import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import Final, Literal, TextIO, get_args

from stream.errors import ChatwardenError

log: Final = logging.getLogger("stream.logs")

Field = Literal[
    "cause",
    "code",
    "component",
    "count",
    "left_out",
    "offset",
    "partition",
    "partitions",
    "phase",
    "policy",
    "port",
    "records",
    "scorer",
    "seconds",
    "topic",
    "transactional_id",
]
FIELDS: Final = frozenset[str](get_args(Field))
_MOST_KEPT: Final = 1_000
_NUMBER: Final = re.compile(r"\d+")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; JSON's escapes keep control characters from reaching a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its newline."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": f"chatwarden.{record.name}",
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name in FIELDS}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _describe(record.exc_info[1])
        return json.dumps(line, default=str)


def _describe(exc: BaseException) -> dict[str, object]:
    described: dict[str, object] = {
        "type": type(exc).__qualname__,
        "stack": [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(exc.__traceback__)],
    }
    if isinstance(exc, ChatwardenError):
        described["message"] = str(exc)
    if exc.__cause__ is not None:
        described["cause"] = _describe(exc.__cause__)
    return described


class Sparing(logging.Filter):
    """Rate-limits similar lines to one per ``repeat_s`` seconds; ``left_out`` then says how many were dropped.

    Two lines of a logger are similar if they differ only in numbers and have the same type of exception.
    """

    def __init__(self, repeat_s: float) -> None:
        super().__init__()
        self._repeat_s = repeat_s
        self._said: dict[tuple[str, str, object], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether no similar line was written recently."""
        kind = record.exc_info[0] if record.exc_info else None
        key = record.name, _NUMBER.sub("", record.getMessage()), kind
        said, left_out = self._said.get(key, (float("-inf"), 0))
        if 0 <= record.created - said < self._repeat_s:  # negative: the clock was set back
            self._said[key] = said, left_out + 1
            return False
        if len(self._said) >= _MOST_KEPT:
            self._said.clear()
        self._said[key] = record.created, 0
        if left_out:
            record.left_out = left_out
        return True


def configure_logs(level: int = logging.INFO, output: TextIO | None = None) -> None:
    """Send all logging of this process to ``output`` (stderr) as JSON lines.  For long-running commands."""
    destination = logging.StreamHandler(output or sys.stderr)
    destination.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[destination], force=True)
    logging.captureWarnings(capture=True)
    threading.excepthook = _tell_of_thread


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Log what ended a thread; Python's own hook writes plain text, including what the exception quotes."""
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        log.error("a thread failed", exc_info=ended.exc_value)


def last_words(exc: Exception, output: TextIO | None = None) -> int:
    """Log why the process ends and return its exit code.  For the edge of long-running commands.

    On a terminal one of our own errors is written as plain text instead, for people to read.
    """
    output = output or sys.stderr
    code = exc.exit_code if isinstance(exc, ChatwardenError) else ChatwardenError.exit_code
    if not isinstance(exc, ChatwardenError):
        log.error("a bug ends the process", extra={"code": code}, exc_info=exc)
    elif output.isatty():
        output.write(f"chatwarden: {exc}\n")
    else:
        log.error(str(exc), extra={"code": code, "cause": type(exc).__name__})
    output.flush()
    return code
