"""Settings to librdkafka properties."""

import pytest
from confluent_kafka import Consumer, Producer

from stream.errors import ConfigError
from stream.kafka_config import consumer_properties, producer_properties
from stream.settings import KafkaSettings


@pytest.mark.parametrize("name", ["enable.auto.commit", "isolation.level", "transactional.id", "auto.offset.reset"])
def test_what_would_break_a_promise_is_refused_with_the_reason(name: str) -> None:
    kafka = KafkaSettings(properties={name: "x"})
    with pytest.raises(ConfigError, match=rf"kafka\.properties: {name} cannot be set: \w+"):
        consumer_properties(kafka)
    with pytest.raises(ConfigError, match=name):
        producer_properties(kafka, "a")


def test_each_client_gets_the_properties_that_are_its_own() -> None:
    kafka = KafkaSettings(properties={"linger.ms": 1, "fetch.min.bytes": 2, "sasl.username": "me"})
    consumer, producer = consumer_properties(kafka), producer_properties(kafka, "a")
    assert ("linger.ms" in consumer, consumer["fetch.min.bytes"], consumer["sasl.username"]) == (False, 2, "me")
    assert ("fetch.min.bytes" in producer, producer["linger.ms"], producer["sasl.username"]) == (False, 1, "me")


def test_a_slot_has_one_transactional_id() -> None:
    kafka = KafkaSettings(group_id="g", transactional_id_prefix="t")
    assert producer_properties(kafka, "3")["transactional.id"] == "t-g-3"


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_librdkafka_takes_them_as_they_are(protocol: str, capfd: pytest.CaptureFixture[str]) -> None:
    kafka = KafkaSettings.model_validate({"bootstrap_servers": "127.0.0.1:1", "group_protocol": protocol})
    quiet = {"log_level": 4}
    Consumer({**consumer_properties(kafka), **quiet}).close()
    Producer({**producer_properties(kafka, "a"), **quiet})
    assert "CONFWARN" not in capfd.readouterr().err
