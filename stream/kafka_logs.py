"""What librdkafka says, as lines of our log: left alone it writes plain text to standard error, twenty lines a second.

Its lines wait in a client's queue until the client is polled.  They are read for the one thing that no call reports, a
connection that was lost: librdkafka repeats a request whose connection went away, and says nothing more of it.  The
first copy may still be under way to the broker, and would be obeyed whenever it arrives (Jepsen's finding on Kafka's
transactions, 2024; KIP-890, which ends it, is not in librdkafka).
"""

import logging
import re
from typing import Final

from confluent_kafka import Consumer

from stream.kafka_config import Properties

log: Final = logging.getLogger("librdkafka")

REPEAT_S: Final = 30.0
_MOST_KEPT: Final = 1_000
_NUMBER: Final = re.compile(r"\d+")
_NEVER_USED: Final = re.compile(r"in state (?:INIT|DOWN|TRY_CONNECT|CONNECT|SSL_HANDSHAKE|APIVERSION_QUERY|AUTH_\w+)\b")
"""How librdkafka names the states in which a connection has carried no request but those that open it."""


class Sparing(logging.Filter):
    """Lets a line through again only after a while; lines that differ in numbers are the same."""

    def __init__(self, repeat_s: float = REPEAT_S) -> None:
        super().__init__()
        self._repeat_s = repeat_s
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line was not written lately."""
        message = _NUMBER.sub("", record.getMessage())
        if record.created - self._said.get(message, float("-inf")) < self._repeat_s:
            return False
        if len(self._said) >= _MOST_KEPT:
            self._said.clear()
        self._said[message] = record.created
        return True


log.addFilter(Sparing())


class ClientLog(logging.Logger):
    """The logger of one client.

    ``lost_connections`` counts the connections that were lost after they had carried requests; what cannot be told
    apart counts, too.
    """

    def __init__(self) -> None:
        super().__init__(log.name, logging.INFO)
        self.lost_connections = 0

    def handle(self, record: logging.LogRecord) -> None:
        """Take note of a lost connection, and pass the line on."""
        line = record.getMessage()
        if line.startswith("FAIL ") and not _NEVER_USED.search(line):
            self.lost_connections += 1
        log.handle(record)


def consumer(properties: Properties) -> Consumer:
    """Return a consumer whose words go to our log whenever it is polled."""
    return Consumer({**properties, "logger": log})
