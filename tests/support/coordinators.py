"""A broker is ready when its coordinators are: what groups and transactions leave lies in topics of its own.

The first group, and the first transaction, bring these topics into being.  Until their leaders have been chosen and
have loaded them, whoever comes is told ``NOT_COORDINATOR`` or that the coordinator is loading.
"""

from itertools import count
from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from tests.support.broker import admin
from tests.support.processes import wait_until

_LOAD_S: Final = 60.0
_ASK_S: Final = 5.0


def wait_for_coordinators(bootstrap: str) -> None:
    """Wait until every group and every transactional id would find its coordinator."""
    for topic, answers in (("__consumer_offsets", _keeps_offsets), ("__transaction_state", _begins_transactions)):
        wait_until(lambda ask=answers: ask(bootstrap, "ready"), _LOAD_S, f"{topic} is there")  # type: ignore[misc]  # bound at once
        partitions = len(admin(bootstrap).list_topics(timeout=20).topics[topic].partitions)
        for number in range(partitions):
            name = _name_in(number, partitions)
            wait_until(lambda ask=answers, name=name: ask(bootstrap, name), _LOAD_S, f"{topic} {number} is loaded")  # type: ignore[misc]  # bound at once


def kept_in(name: str, partitions: int) -> int:
    """Return the partition in which Kafka keeps a group or a transactional id: by Java's hash of it."""
    value = 0
    for character in name:
        value = (31 * value + ord(character)) & 0xFFFF_FFFF
    return (value & 0x7FFF_FFFF) % partitions


def _keeps_offsets(bootstrap: str, group: str) -> bool:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
    try:
        return consumer.committed([TopicPartition("nothing", 0)], _ASK_S)[0].error is None
    except KafkaException:
        return False
    finally:
        consumer.close()


def _begins_transactions(bootstrap: str, name: str) -> bool:
    try:
        Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "log_level": 0}).init_transactions(_ASK_S)
    except KafkaException:
        return False
    return True


def _name_in(number: int, partitions: int) -> str:
    """Return a name that Kafka keeps in this partition."""
    names = (f"ready-{index}" for index in count())
    return next(name for name in names if kept_in(name, partitions) == number)
