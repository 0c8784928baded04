"""What Kafka refuses, and whether a person can fix it."""

import pytest
from aiokafka.errors import for_code
from confluent_kafka import KafkaError

from stream.refusals import refused_topic


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("INVALID_REPLICATION_FACTOR", "set --replicas to no more than the cluster has brokers"),
        ("TOPIC_EXCEPTION", "change its name"),
        ("INVALID_PARTITIONS", "at least one partition"),
        ("INVALID_CONFIG", "its settings"),
        ("POLICY_VIOLATION", "policy"),
        ("TOPIC_AUTHORIZATION_FAILED", "allow Create"),
        ("CLUSTER_AUTHORIZATION_FAILED", "allow Create"),
    ],
)
def test_what_waiting_does_not_fix_is_a_matter_of_configuration(name: str, fix: str) -> None:
    refusal = refused_topic("chat.events", getattr(KafkaError, name), "because", "--replicas")
    assert str(refusal).startswith("chat.events cannot be created: because; ")
    assert fix in str(refusal)
    assert refusal.exit_code == 2 if refusal else False


@pytest.mark.parametrize("code", [KafkaError.NOT_CONTROLLER, KafkaError.REQUEST_TIMED_OUT])
def test_what_may_pass_is_none(code: int) -> None:
    assert for_code(code).retriable
    assert refused_topic("chat.events", code, "because", "--replicas") is None
