"""The servers that other tests stand on are what they claim to be."""

from uuid import uuid4

import pytest
import redis
from confluent_kafka import Consumer, Producer

from tests.support.broker import admin, create_topics


@pytest.mark.kafka
def test_kafka_supports_transactions(kafka: str) -> None:
    topic = f"t-{uuid4()}"
    create_topics(kafka, {topic: 2})
    assert len(admin(kafka).list_topics(topic, timeout=5).topics[topic].partitions) == 2
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(20)
    for value, finish in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce(topic, value, partition=0)
        producer.flush(10)
        finish(10)
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        (message,) = consumer.consume(1, 20)
        assert message.value() == b"committed"
    finally:
        consumer.close()


@pytest.mark.redis
def test_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        key = f"t-{uuid4()}"
        assert client.set(key, b"1", ex=10)
        assert client.get(key) == b"1"
