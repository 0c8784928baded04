"""A real Kafka broker that wants TLS and a login (SASL/SCRAM-SHA-512), with certificates made for it."""

import subprocess
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from tests.support.broker import Broker, admin
from tests.support.processes import free_port

USER: Final = "chatwarden"
PASSWORD: Final = "open-sesame-6f1d"  # noqa: S105 - opens nothing but the test's own broker


class SecureBroker:
    """A broker on loopback whose clients must trust ``authority`` and log in.

    Its certificate is for the address 127.0.0.1 only, so that ``localhost`` is a name that it does not have.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.authority: Final = _make_authority(folder, "authority")
        self.stranger: Final = _make_authority(folder, "stranger")
        self.port: Final = free_port()
        mechanism = "listener.name.proxied.scram-sha-512.sasl.jaas.config"
        self._broker: Final = Broker(
            folder / "kafka",
            "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:SASL_SSL",
            "listener.name.proxied.ssl.keystore.type=PEM",
            f"listener.name.proxied.ssl.keystore.location={_make_server(folder, self.authority)}",
            "listener.name.proxied.sasl.enabled.mechanisms=SCRAM-SHA-512",
            f"{mechanism}=org.apache.kafka.common.security.scram.ScramLoginModule required;",
            proxied_port=self.port,
            advertised_port=self.port,
        )

    @property
    def within(self) -> str:
        """Its address for tests, who need no login."""
        return self._broker.bootstrap

    def start(self) -> None:
        """Start it and make the user known."""
        self._broker.start()
        client: AdminClient = admin(self._broker.bootstrap)
        secret = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096)
        known = client.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, secret, PASSWORD.encode())])
        known[USER].result(20)

    def stop(self) -> None:
        """End it for good."""
        self._broker.stop()


def _make_authority(folder: Path, name: str) -> Path:
    return _certify(folder / name, name)


def _make_server(folder: Path, authority: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 into one file, as Kafka wants them."""
    signed = ("-CA", str(authority), "-CAkey", str(authority.with_suffix(".key")))
    names = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE")
    certificate = _certify(folder / "server", "broker", *signed, *names)
    both = folder / "server.both.pem"
    both.write_text(certificate.with_suffix(".key").read_text() + certificate.read_text())
    return both


def _certify(file: Path, name: str, *more: str) -> Path:
    """Write a certificate (.pem) and its key (.key) ; self-signed unless ``more`` says who signs."""
    key, certificate = file.with_suffix(".key"), file.with_suffix(".pem")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")
    wanted = ("-subj", f"/CN={name}", *more, "-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", "req", "-x509", *kind, *wanted], check=True, capture_output=True)
    return certificate
