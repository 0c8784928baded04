"""librdkafka's messages as lines of our log; its default is plain text on standard error, twenty lines a second.

Its lines wait in a client's queue until the client is polled.  They are parsed for the one event that no call reports,
a lost connection: librdkafka silently repeats a request whose connection was lost.  The first copy may still be on its
way to the broker, which obeys it whenever it arrives (Jepsen's finding on Kafka's transactions, 2024; KIP-890, which
fixes it, is not in librdkafka).
"""

import logging
import re
from typing import Final

from confluent_kafka import Consumer

from stream.kafka_config import Properties
from stream.logs import Sparing

log: Final = logging.getLogger("librdkafka")

REPEAT_S: Final = 30.0
_NEVER_USED: Final = re.compile(r"in state (?:INIT|DOWN|TRY_CONNECT|CONNECT|SSL_HANDSHAKE|APIVERSION_QUERY|AUTH_\w+)\b")
"""librdkafka's names for the states in which a connection has carried only the requests that open it."""


log.addFilter(Sparing(REPEAT_S))


class ClientLog(logging.Logger):
    """The logger of one client.

    ``lost_connections`` counts the connections that were lost after they had carried requests; unclear
    cases count, too.
    """

    def __init__(self) -> None:
        super().__init__(log.name, logging.INFO)
        self.lost_connections = 0

    def handle(self, record: logging.LogRecord) -> None:
        """Count a lost connection, and pass the line on."""
        line = record.getMessage()
        if line.startswith("FAIL ") and not _NEVER_USED.search(line):
            self.lost_connections += 1
        log.handle(record)


def consumer(properties: Properties) -> Consumer:
    """Return a consumer whose messages go to our log whenever it is polled."""
    return Consumer({**properties, "logger": log})
