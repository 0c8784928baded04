"""Checks whether Kafka accepts us: a refused login or certificate is reported at once, with the reason.

librdkafka itself retries forever and gives the reason only to a callback.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException

from stream.errors import ConfigError
from stream.refusals import away, certificate_fault, refused_login, untrusted, wrong_protocol

PATIENCE_S: Final = 15.0
_TRY_S: Final = 1.0
_LOGIN: Final = (KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED)
_TLS: Final = KafkaError._SSL
_SERVER: Final = re.compile(r"^(?:\w+://)?([^/\s]+)/\S+: ")
_STATE: Final = re.compile(r" \(after \d+ms in state \w+[^)]*\)$")


class Client(Protocol):
    """The part of a client that ``greet`` needs; its ``error_cb`` fills the list of errors."""

    def list_topics(self, *, timeout: float) -> Any:
        """Ask the cluster for its topics."""
        ...

    def poll(self, timeout: float = ...) -> Any:
        """Serve the callbacks."""
        ...


def greet(
    client: Client,
    errors: Sequence[KafkaError],
    properties: Mapping[str, object],
    within_s: float = PATIENCE_S,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until the cluster has answered once.  ``properties`` are those of the client.

    Raises:
        ConfigError: the broker refuses the login, cannot be trusted, or speaks another protocol.
        TransportError: no answer within ``within_s`` seconds.
    """
    give_up = clock() + within_s
    while True:
        try:
            client.list_topics(timeout=_TRY_S)
        except KafkaException as exc:
            fault: KafkaError = exc.args[0]
        else:
            return
        client.poll(0)
        for error in errors:
            if refusal := refusal_of(error, properties):
                raise refusal
        if clock() >= give_up:
            said = _message(next((error for error in errors if _SERVER.match(error.str())), fault))
            raise away(str(properties["bootstrap.servers"]), said)


def refusal_of(error: KafkaError, properties: Mapping[str, object]) -> ConfigError | None:
    """Return the refusal behind an error, if any.  May inspect the broker's certificate to find the reason."""
    said = _message(error)
    if error.code() in _LOGIN:
        return refused_login(said)
    if error.code() == _TLS:
        found = _SERVER.match(error.str())
        server = found[1] if found else str(properties["bootstrap.servers"]).split(",")[0]
        if "certificate" not in said:
            return wrong_protocol(said)
        authority = properties.get("ssl.ca.location")
        return untrusted(server, certificate_fault(server, str(authority) if authority else None) or said)
    return wrong_protocol(said) if "security.protocol" in said else None


def _message(error: KafkaError) -> str:
    """Return an error's message without the address and the state of the connection."""
    return _STATE.sub("", _SERVER.sub("", error.str().split("\n")[0]))
