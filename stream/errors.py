"""The errors of the data path, each with its exit code.

ChatwardenError
 ├── ConfigError           2   a setting, policy or file is wrong; the message says which and how to fix it
 ├── FileError            74   a file cannot be read or written
 ├── TransportError       75   Kafka, Redis or the network is unavailable; retrying may help
 │    ├── TransactionAborted   the transaction had no effect; the same results may be committed again
 │    └── OutcomeUnknown       a transaction may or may not have committed; restart from the committed offsets
 ├── Fenced               76   another worker uses our transactional id
 ├── DataLost             77   records were deleted before they were read, or cannot be read at all
 ├── TooManyDeadLetters   78   the input looks broken as a whole; nothing further is committed
 └── LimitsExceeded        1   a comparison, test or evaluation misses the limits it was given

Libraries' errors are translated once, where they arise, ``from`` the original.
"""

from typing import ClassVar, Final

BROKEN_PIPE: Final = 141
"""Exit code when the reader of standard output is gone: 128 + SIGPIPE, as in shells."""


class ChatwardenError(Exception):
    """The base class: anything that ends a command with a message instead of a traceback."""

    exit_code: ClassVar[int] = 70


class ConfigError(ChatwardenError):
    """A setting, policy or file is wrong."""

    exit_code = 2


class FileError(ChatwardenError):
    """A file cannot be read or written."""

    exit_code = 74


class TransportError(ChatwardenError):
    """Kafka, Redis or the network is unavailable."""

    exit_code = 75


class TransactionAborted(TransportError):
    """The transaction had no effect.  ``cause`` is one of a closed set, for a metric."""

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.cause = cause


class OutcomeUnknown(TransportError):
    """A transaction may or may not have committed."""


class Fenced(ChatwardenError):
    """Another worker uses our transactional id."""

    exit_code = 76


class DataLost(ChatwardenError):
    """Records were deleted before they were read, or cannot be read at all."""

    exit_code = 77


class TooManyDeadLetters(ChatwardenError):
    """The input looks broken as a whole."""

    exit_code = 78


class LimitsExceeded(ChatwardenError):
    """A comparison, test or evaluation misses the limits it was given."""

    exit_code = 1
