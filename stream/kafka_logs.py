"""librdkafka's messages as lines of our log; by itself it writes plain text to standard error, twenty lines a second.

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
from stream.logs import Sparing

log: Final = logging.getLogger("librdkafka")

REPEAT_S: Final = 30.0
_NEVER_USED: Final = re.compile(r"in state (?:INIT|DOWN|TRY_CONNECT|CONNECT|SSL_HANDSHAKE|APIVERSION_QUERY|AUTH_\w+)\b")
"""How librdkafka names the states in which a connection has carried no request but those that open it."""


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
