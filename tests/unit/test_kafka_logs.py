"""What librdkafka says: lines of our log, each of them once in a while."""

import logging

import pytest

from stream import kafka_logs
from stream.kafka_config import consumer_properties, producer_properties
from stream.settings import KafkaSettings
from tests.support.processes import free_port, wait_until


def said(message: str, at: float) -> logging.LogRecord:
    record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, message, None, None)
    record.created = at
    return record


def test_a_line_is_repeated_after_a_while_and_numbers_make_no_other_line() -> None:
    sparing = kafka_logs.Sparing(repeat_s=30)
    assert sparing.filter(said("refused after 1 ms", 100))
    assert not sparing.filter(said("refused after 2 ms", 129.9))
    assert sparing.filter(said("no such host", 129.9))
    assert sparing.filter(said("refused after 3 ms", 130))


def test_a_broker_that_is_away_is_told_in_our_log_and_nowhere_else(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    producer = kafka_logs.producer(dict(producer_properties(kafka, "a")))
    consumer = kafka_logs.consumer(consumer_properties(kafka))

    def told() -> bool:
        consumer.poll(0.1)
        producer.poll(0)
        return any("Connection refused" in line for line in caplog.messages)

    wait_until(told, 30, "the log has the reason")
    consumer.close()
    assert capfd.readouterr().err == ""
