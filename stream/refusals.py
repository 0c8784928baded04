"""Why a broker rejects us or refuses a topic, and how to fix it, in one line.  Independent of client libraries."""

import socket
import ssl
from typing import Final

from stream.errors import ConfigError, TransportError

_HANDSHAKE_S: Final = 5.0


_TOPIC_FIXES: Final = {
    17: "change its name: 1 to 249 of letters, digits, '.', '_' and '-'; '.' and '_' count as the same character",
    29: "allow Create and Describe on it, or create it beforehand",
    31: "allow Create on the cluster, or create it beforehand",
    37: "give it at least one partition",
    38: "set {replicas} to no more than the cluster has brokers",
    40: "the cluster rejects one of its settings; create it beforehand",
    44: "it violates the cluster's policy for topics; create it beforehand, by that policy",
}
"""How to fix a refusal, by Kafka's error number."""


def refused_topic(name: str, code: int, said: str, replicas: str) -> ConfigError | None:
    """Return the error for a topic that Kafka does not create; None if retrying may help.

    ``said`` is the broker's reason, ``replicas`` the option that sets the replication factor.
    """
    fix = _TOPIC_FIXES.get(code)
    return ConfigError(f"{name} cannot be created: {said}; {fix.format(replicas=replicas)}") if fix else None


def away(servers: str, reason: str) -> TransportError:
    """Return the error for a cluster that does not answer."""
    return TransportError(
        f"kafka.bootstrap_servers: no answer from {servers}: {reason}; "
        "is it running, is the address right, does it need TLS or a login (kafka.properties)?"
    )


def refused_login(detail: str) -> ConfigError:
    """Return the error for a login that the broker rejects."""
    return ConfigError(
        f"kafka.properties: the broker refuses the login: {detail}; "
        "check sasl.mechanism, sasl.username and sasl.password"
    )


def untrusted(server: str, reason: str) -> ConfigError:
    """Return the error for a certificate that is not trusted; ``reason`` is OpenSSL's."""
    if "mismatch" in reason:
        fix = "use a name that the certificate has in kafka.bootstrap_servers"
    elif "expired" in reason or "not yet valid" in reason:
        fix = "renew it, or set this machine's clock"
    else:
        fix = "name the authority that signed it in ssl.ca.location"
    return ConfigError(f"kafka.properties: the certificate of {server} is not trusted: {reason.rstrip('.')}; {fix}")


def wrong_protocol(detail: str) -> ConfigError:
    """Return the error for a listener that speaks TLS when we do not, or the reverse."""
    return ConfigError(f"kafka.properties: security.protocol does not fit the broker's listener: {detail}")


def certificate_fault(server: str, authority: str | None) -> str | None:
    """Return OpenSSL's reason why the certificate of ``host:port`` is not trusted; None if it is, or nothing answers.

    Blocks for one handshake, at most 5 s.  ``authority`` is a CA file; None stands for the system's CAs.
    """
    host, _, port = server.rpartition(":")
    try:
        context = ssl.create_default_context(cafile=authority)
        with socket.create_connection((host.strip("[]"), int(port)), _HANDSHAKE_S) as plain:
            plain.settimeout(_HANDSHAKE_S)
            context.wrap_socket(plain, server_hostname=host.strip("[]")).close()
    except ssl.SSLCertVerificationError as exc:
        return exc.verify_message
    except (OSError, ValueError):
        return None
    return None
