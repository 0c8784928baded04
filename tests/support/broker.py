"""A real Kafka broker of the test's own: started, killed, frozen and brought back at will."""

from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.processes import ROOT, Child, free_port, wait_until

SCRIPT: Final = ROOT / "deploy" / "kafka" / "start.sh"
INSTALLED: Final = ROOT / "deploy" / "kafka" / "lib" / ".installed"


class Broker:
    """One broker on loopback, by ``deploy/kafka/start.sh``; its data stays in ``folder`` over restarts.

    ``proxied_port`` and ``advertised_port`` open the listener that a proxy may stand before; ``jvm`` holds options of
    its virtual machine instead of those that make a short life cheap.
    """

    def __init__(
        self, folder: Path, *settings: str, proxied_port: int = 0, advertised_port: int = 0, jvm: str = ""
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port, controller = free_port(), free_port()
        self.bootstrap: Final = f"127.0.0.1:{port}"
        self._log: Final = folder / "broker.log"
        self._command = [str(SCRIPT), "--port", str(port), "--controller-port", str(controller), "--dir", str(folder)]
        if proxied_port:
            self._command += ["--proxied-port", str(proxied_port), "--advertised-port", str(advertised_port)]
        self._command += settings
        self._env = {"KAFKA_JVM": jvm} if jvm else {}
        self._child: Child | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._child = child = Child(self._command, self._log, self._env)

        def answers() -> bool:
            if not child.alive:
                raise RuntimeError(f"the broker ended:\n{child.output()[-2_000:]}")
            return kafka_answers(self.bootstrap)

        wait_until(answers, 60, "Kafka answers")

    @property
    def child(self) -> Child:
        """Its process, to freeze or wake."""
        assert self._child is not None, "not started"
        return self._child

    def kill(self) -> None:
        """Kill it; ``start`` brings it back with its data."""
        self.child.kill()

    def stop(self) -> None:
        """End it for good."""
        if self._child is not None:
            self._child.kill()  # nothing in it is worth an orderly end, which takes seconds


def kafka_answers(bootstrap: str) -> bool:
    """Whether a broker at this address tells its topics."""
    try:
        admin(bootstrap).list_topics(timeout=1)
    except KafkaException:
        return False
    return True


def admin(bootstrap: str) -> AdminClient:
    """Connect as an administrator; connection errors are not logged."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def create_topics(bootstrap: str, topics: dict[str, int], config: dict[str, str] | None = None) -> None:
    """Create topics, name → partitions, as often replicated as the cluster does; wait until they are there."""
    client = admin(bootstrap)
    created = client.create_topics([NewTopic(name, count, config=config or {}) for name, count in topics.items()])
    for future in created.values():
        future.result(20)

    def known() -> bool:
        return topics.keys() <= client.list_topics(timeout=5).topics.keys()

    wait_until(known, 20, "topics are there")
