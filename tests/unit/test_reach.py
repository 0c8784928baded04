"""Greeting a cluster: an answer, a refusal with its reason, or nobody there."""

from collections.abc import Sequence

import pytest
from confluent_kafka import KafkaError, KafkaException

from stream.errors import ConfigError, TransportError
from stream.reach import greet
from stream.refusals import certificate_fault, untrusted
from tests.support.clocks import ManualClock
from tests.support.processes import free_port

AT = "sasl_ssl://kafka-1:9093/bootstrap: "
PROPERTIES = {"bootstrap.servers": "kafka-1:9093,kafka-2:9093"}


class Cluster:
    """Answers after a number of tries; until then each poll reports an error."""

    def __init__(self, clock: ManualClock, errors: Sequence[KafkaError], answers_after: int) -> None:
        self.said: list[KafkaError] = []
        self._clock, self._waiting, self._left = clock, list(errors), answers_after

    def list_topics(self, *, timeout: float) -> object:
        self._clock.advance(timeout)
        self._left -= 1
        if self._left < 0:
            return object()
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def poll(self, timeout: float = 0) -> int:
        assert timeout == 0
        found, self._waiting = self._waiting[:1], self._waiting[1:]
        self.said += found
        return len(found)


def greeted(errors: Sequence[KafkaError], answers_after: int = 10**9) -> float:
    """Greet and return how long that took."""
    clock = ManualClock()
    began, cluster = clock(), Cluster(clock, errors, answers_after)
    greet(cluster, cluster.said, PROPERTIES, 5.0, clock)
    return clock() - began


def test_a_cluster_that_answers_late_is_waited_for() -> None:
    down = KafkaError(KafkaError._TRANSPORT, "kafka-1:9093/bootstrap: Connect failed: refused")
    assert greeted([down], 2) == 3


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (
            KafkaError._AUTHENTICATION,
            "SASL authentication error: no (after 3ms in state AUTH_REQ)",
            r"refuses the login: SASL authentication error: no; check sasl\.mechanism",
        ),
        (
            KafkaError._SSL,
            "SSL handshake failed: certificate verify failed",
            r"the certificate of kafka-1:9093 is not trusted: .* ssl\.ca\.location",
        ),
        (KafkaError._SSL, "wrong version number", r"security\.protocol does not fit .*: wrong version"),
    ],
)
def test_a_refusal_is_told_at_once(code: int, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        greeted([KafkaError(code, AT + text)])
    assert "ms in state" not in str(caught.value)


def test_nobody_there_is_told_with_the_servers_and_what_was_heard() -> None:
    down = KafkaError(KafkaError._TRANSPORT, "kafka-2:9093/bootstrap: Connect failed: refused")
    with pytest.raises(TransportError, match=r"kafka-1:9093,kafka-2:9093: Connect failed: refused; is it running"):
        greeted([down])


def test_each_fault_of_a_certificate_has_its_mend() -> None:
    assert "kafka.bootstrap_servers" in str(untrusted("a:1", "Hostname mismatch, certificate is not valid for 'a'."))
    assert "clock" in str(untrusted("a:1", "certificate has expired"))
    assert "ssl.ca.location" in str(untrusted("a:1", "self-signed certificate"))
    assert certificate_fault(f"127.0.0.1:{free_port()}", None) is None
