"""Kafka's security settings in aiokafka's words."""

import ssl

import pytest

from stream.errors import ConfigError
from stream.strikes.security import security


def test_without_security_the_connection_is_plain() -> None:
    assert security({}) == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize("name", ["isolation.level", "auto.offset.reset", "enable.auto.commit", "acks", "group.id"])
def test_what_would_break_a_promise_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"kafka\.properties: {name} cannot be set: \w+"):
        security({name: "read_uncommitted"})


def test_what_only_librdkafka_knows_is_said_to_have_no_effect(caplog: pytest.LogCaptureFixture) -> None:
    properties = {"linger.ms": 5, "session.timeout.ms": 6_000, "security.protocol": "plaintext", "sasl.password": "p"}
    assert security(properties) == {"security_protocol": "PLAINTEXT"}
    (said,) = caplog.messages
    assert said.endswith(": linger.ms, session.timeout.ms")


def test_scram_over_tls_is_translated() -> None:
    options = security(
        {
            "security.protocol": "sasl_ssl",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "strikes",
            "sasl.password": "p",
        }
    )
    context = options.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "strikes",
        "sasl_plain_password": "p",
    }


@pytest.mark.parametrize(
    ("properties", "place"),
    [
        ({"security.protocol": "sasl"}, r"security\.protocol: SASL: must be one of PLAINTEXT"),
        ({"sasl.oauthbearer.config": "x"}, "sasl.oauthbearer.config"),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanism": "GSSAPI"}, "sasl.mechanism"),
        ({"security.protocol": "ssl", "ssl.endpoint.identification.algorithm": "none"}, "identification"),
        ({"security.protocol": "ssl", "enable.ssl.certificate.verification": "false"}, "verification"),
        (
            {"security.protocol": "ssl", "ssl.ca.location": "/nowhere.pem"},
            r"ssl\.ca\.location: file not found: /nowhere",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused(properties: dict[str, object], place: str) -> None:
    with pytest.raises(ConfigError, match=place):
        security(properties)
