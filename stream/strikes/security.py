"""Kafka's security settings, as aiokafka wants them: translated from ``kafka.properties``, which are librdkafka's."""

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from stream.errors import ConfigError
from stream.kafka_config import check_promises

log: Final = logging.getLogger(__name__)

_CONNECTION: Final = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
        "enable.ssl.certificate.verification",
    }
)
_FILES: Final = ("ssl.ca.location", "ssl.certificate.location", "ssl.key.location")
_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def security(properties: Mapping[str, object]) -> dict[str, Any]:
    """Translate what concerns the connection; the rest is about librdkafka, and the log says that it has no effect.

    Raises:
        ConfigError: a property would break a promise, a connection setting has no counterpart here, or the broker's
            name would be left unchecked.
    """
    check_promises(properties)
    for name in sorted(properties):
        if name.startswith(("ssl.", "sasl.")) and name not in _CONNECTION:
            raise ConfigError(
                f"kafka.properties.{name}: not supported by the strikes worker; leave it out for this command"
            )
    if idle := sorted(properties.keys() - _CONNECTION):
        log.warning("kafka.properties: of no effect on the strikes worker: %s", ", ".join(idle))
    protocol = str(properties.get("security.protocol", "plaintext")).upper()
    if protocol not in _PROTOCOLS:
        raise ConfigError(f"kafka.properties.security.protocol: {protocol}: must be one of {', '.join(_PROTOCOLS)}")
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol in ("SSL", "SASL_SSL"):
        options["ssl_context"] = _context(properties)
    if protocol.startswith("SASL_"):
        options |= _credentials(properties)
    return options


def _credentials(properties: Mapping[str, object]) -> dict[str, Any]:
    mechanism = str(properties.get("sasl.mechanism", properties.get("sasl.mechanisms", "PLAIN"))).upper()
    if mechanism not in _MECHANISMS:
        raise ConfigError(f"kafka.properties.sasl.mechanism: {mechanism}: must be one of {', '.join(_MECHANISMS)}")
    return {
        "sasl_mechanism": mechanism,
        "sasl_plain_username": str(properties.get("sasl.username", "")),
        "sasl_plain_password": str(properties.get("sasl.password", "")),
    }


def _context(properties: Mapping[str, object]) -> ssl.SSLContext:
    if str(properties.get("ssl.endpoint.identification.algorithm", "https")) != "https":
        raise ConfigError("kafka.properties.ssl.endpoint.identification.algorithm: must be https")
    if str(properties.get("enable.ssl.certificate.verification", True)).lower() != "true":
        raise ConfigError("kafka.properties.enable.ssl.certificate.verification: must be true")
    for name in _FILES:
        if name in properties and not Path(str(properties[name])).is_file():
            raise ConfigError(f"kafka.properties.{name}: file not found: {properties[name]}")
    try:
        authority = properties.get("ssl.ca.location")
        context = ssl.create_default_context(cafile=str(authority) if authority else None)
        certificate = properties.get("ssl.certificate.location")
        if certificate:
            key = properties.get("ssl.key.location")
            password = properties.get("ssl.key.password")
            context.load_cert_chain(str(certificate), str(key) if key else None, str(password) if password else None)
    except OSError as exc:
        raise ConfigError(f"kafka.properties.ssl.*: {exc}") from exc
    return context
