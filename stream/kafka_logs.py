"""What librdkafka says, as lines of our log: left alone it writes plain text to standard error, twenty lines a second.

Its lines wait in a client's queue until the client is polled.  The worker polls its consumer all the time and its
producer only while it has something to write, so the consumer speaks for both: their brokers are the same.
"""

import logging
import re
from typing import Any, Final

from confluent_kafka import Consumer, Producer

from stream.kafka_config import Properties

log: Final = logging.getLogger("librdkafka")

REPEAT_S: Final = 30.0
_MOST_KEPT: Final = 1_000
_NUMBER: Final = re.compile(r"\d+")


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


def consumer(properties: Properties) -> Consumer:
    """Return a consumer whose words go to our log whenever it is polled."""
    return Consumer({**properties, "logger": log})


def producer(properties: dict[str, Any]) -> Producer:
    """Return a producer that says nothing: what goes wrong with it comes back as an error."""
    return Producer({"log_level": 0, **properties})
