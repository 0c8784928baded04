"""A real Kafka cluster of the test's own: three small brokers that keep everything three times and need two of them."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin._metadata import ClusterMetadata

from tests.support.broker import SCRIPT, admin, kafka_answers
from tests.support.coordinators import kept_in
from tests.support.processes import Child, free_port, wait_until

NODES: Final = (1, 2, 3)
KEEPERS: Final = 4
"""Partitions of the topic that keeps groups, and of the one that keeps transactional ids."""
COMES_UP_S: Final = 120.0
_ID: Final = "MkU3OEVBNTcwNTJENDM2Qg"
_JVM: Final = "-Xms96m -Xmx256m -XX:TieredStopAtLevel=1"
_SETTINGS: Final = (
    "default.replication.factor=3",
    "min.insync.replicas=2",
    f"offsets.topic.num.partitions={KEEPERS}",
    f"transaction.state.log.num.partitions={KEEPERS}",
    "offsets.topic.replication.factor=3",
    "transaction.state.log.replication.factor=3",
    "transaction.state.log.min.isr=2",
    # How long the controllers wait for a broker that says nothing; nine seconds by default.
    "broker.session.timeout.ms=3000",
    "broker.heartbeat.interval.ms=500",
)


class Cluster:
    """Brokers on loopback, each of them a controller, too; their data stays in ``folder`` over restarts."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder: Final = folder
        self._ports: Final = {node: (free_port(), free_port()) for node in NODES}
        self._brokers: Final[dict[int, Child]] = {}

    @property
    def bootstrap(self) -> str:
        """The address of them all."""
        return ",".join(f"127.0.0.1:{port}" for port, _ in self._ports.values())

    def start(self) -> None:
        """Start all and wait until they answer, each one of them and together."""
        for node in NODES:
            self._launch(node)
        self.wait_until_whole()

    def kill(self, node: int) -> None:
        """Kill one; ``bring_back`` starts it with its data."""
        self._brokers[node].kill()

    def bring_back(self, node: int) -> None:
        """Start one again, with its data."""
        self._launch(node)

    def stop(self) -> None:
        """End all for good."""
        for broker in self._brokers.values():
            broker.kill()

    def leaders(self, topics: Iterable[str]) -> Counter[int]:
        """Count how many partitions of these topics each node leads."""
        known = self._metadata().topics
        return Counter(int(each.leader) for topic in topics for each in known[topic].partitions.values())

    def keeper(self, topic: str, name: str) -> int:
        """Return the coordinator of a group or a transactional id: who leads its partition of Kafka's own topic."""
        return int(self._metadata().topics[topic].partitions[kept_in(name, KEEPERS)].leader)

    def wait_until_whole(self) -> None:
        """Wait until every node answers and every replica is in step, so that the next loss costs nothing."""
        wait_until(self._whole, COMES_UP_S, "the cluster is whole")

    def _whole(self) -> bool:
        for broker in self._brokers.values():
            if not broker.alive:
                raise RuntimeError(f"a broker ended:\n{broker.output()[-2_000:]}")
        if not all(kafka_answers(f"127.0.0.1:{port}") for port, _ in self._ports.values()):
            return False
        try:
            known = self._metadata()
        except KafkaException:
            return False
        partitions = [each for topic in known.topics.values() for each in topic.partitions.values()]
        return len(known.brokers) == len(NODES) and all(len(each.isrs) == len(NODES) for each in partitions)

    def _metadata(self) -> ClusterMetadata:
        return admin(self.bootstrap).list_topics(timeout=5)

    def _launch(self, node: int) -> None:
        port, controller = self._ports[node]
        voters = ",".join(f"{each}@127.0.0.1:{at}" for each, (_, at) in self._ports.items())
        folder = self._folder / str(node)
        folder.mkdir(exist_ok=True)
        addresses = ["--port", str(port), "--controller-port", str(controller), "--dir", str(folder)]
        quorum = ["--node", str(node), "--voters", voters, "--cluster-id", _ID]
        command = [str(SCRIPT), *addresses, *quorum, *_SETTINGS]
        self._brokers[node] = Child(command, folder / "broker.log", {"KAFKA_JVM": _JVM})
