"""Why Kafka refuses the strikes worker: aiokafka reports that only in its log."""

import ssl
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from stream.errors import ChatwardenError
from stream.refusals import away, refused_login, untrusted, wrong_protocol

_CONNECT_MS = 10_000


async def why(bootstrap_servers: str, options: dict[str, Any]) -> ChatwardenError:
    """Try each server once more and return the error that says what is wrong with the last of them.

    ``options`` are aiokafka's.  Takes up to 10 s for each server.
    """
    fault: ChatwardenError = away(bootstrap_servers, "it was there a moment later")
    for host, port, _ in collect_hosts(bootstrap_servers):
        server = f"{host}:{port}"
        try:
            connection = await create_conn(host, port, request_timeout_ms=_CONNECT_MS, **options)
        except ssl.SSLCertVerificationError as exc:
            fault = untrusted(server, exc.verify_message)
        except (ssl.SSLError, IllegalSaslStateError) as exc:
            fault = wrong_protocol(str(exc))
        except (AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError) as exc:
            fault = refused_login(str(exc))
        except (KafkaError, OSError, TimeoutError) as exc:
            fault = away(server, str(exc) or type(exc).__name__)
        else:
            connection.close()
    return fault
