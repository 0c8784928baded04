"""What librdkafka says: lines of our log, each of them once in a while."""

import pytest
from confluent_kafka import Producer

from stream import kafka_logs
from stream.kafka_config import consumer_properties, producer_properties
from stream.settings import KafkaSettings
from tests.support.processes import free_port, wait_until


def test_a_broker_that_is_away_is_told_in_our_log_and_nowhere_else(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}")
    producer = Producer({**producer_properties(kafka, "a"), "logger": kafka_logs.ClientLog()})
    consumer = kafka_logs.consumer(consumer_properties(kafka))

    def told() -> bool:
        consumer.poll(0.1)
        producer.poll(0)
        return any("Connection refused" in line for line in caplog.messages)

    wait_until(told, 30, "the log has the reason")
    consumer.close()
    assert capfd.readouterr().err == ""


THREAD = "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1"
LINES = {
    f"{THREAD}: Disconnected (after 1042ms in state UP)": 1,
    f"{THREAD}: 1 request(s) timed out: disconnect (average rtt 3.1ms) (after 60042ms in state UP)": 1,
    f"{THREAD}: Receive failed: Connection reset by peer (after 9ms in state REAUTH)": 1,
    f"{THREAD}: a wording that nobody has seen": 1,
    f"{THREAD}: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)": 0,
    f"{THREAD}: SASL SCRAM-SHA-512 mechanism handshake failed (after 3ms in state AUTH_HANDSHAKE)": 0,
}


@pytest.mark.parametrize("line", LINES)
def test_only_a_connection_that_was_in_use_counts_as_lost(line: str) -> None:
    log = kafka_logs.ClientLog()
    log.error("%s [%s] %s", "FAIL", "chatwarden#producer-1", line)
    assert log.lost_connections == LINES[line]


def test_other_remarks_are_no_lost_connections() -> None:
    log = kafka_logs.ClientLog()
    log.error("%s [%s] %s", "TERM", "chatwarden#producer-1", f"{THREAD}: Broker handle destroyed")
    assert log.lost_connections == 0
