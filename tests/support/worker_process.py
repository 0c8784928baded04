"""``chatwarden run`` with a judge whose answers are known: the real worker, in a process that tests may kill.

``python -m tests.support.worker_process SLOT [START]``; settings come from the environment.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Final

from confluent_kafka import Producer

from model.memory import MemoryResolver
from stream import service
from stream.breaker import Breaker
from stream.cache import CacheResolver, Sealer
from stream.errors import ChatwardenError
from stream.judge import Judge
from stream.logs import configure_logs
from stream.metrics import Metrics
from stream.redis_cache import RedisCache
from stream.settings import load_settings
from stream.sink import KafkaSink
from stream.start import parse_start
from tests.support.judges import TAXONOMY, a_judge
from tests.support.processes import Child, wait_until

HANGS: Final = "CHATWARDEN_TEST_HANGS"
"""Set in the environment, its producer waits without end in the call that sends the offsets."""


class HangingProducer(Producer):
    """Does what librdkafka was seen to do."""

    def send_offsets_to_transaction(self, *_: object) -> None:
        """Wait, whatever the time-out."""
        time.sleep(3_600)


class WorkerProcess(Child):
    """A worker of a test's own."""

    def __init__(self, folder: Path, slot: str, env: dict[str, str], start: str = "earliest") -> None:
        self._port_file = folder / f"{slot}.port"
        self._port_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.support.worker_process", slot, start, str(self._port_file)]
        super().__init__(command, folder / f"{slot}.log", {"CHATWARDEN__ADMIN__PORT": "0", **env})

    def is_ready(self) -> bool:
        """Whether ``/readyz`` says so."""
        return self._status("readyz") == 200

    def readyz(self) -> dict[str, object]:
        """Return what ``/readyz`` reports."""
        report: dict[str, object] = json.loads(self._get("readyz")[1])
        return report

    def livez(self) -> str:
        """Return what ``/livez`` reports, or why it cannot be had."""
        try:
            return self._get("livez")[1].decode()
        except OSError as exc:
            return str(exc)

    def metrics(self) -> str:
        """Return Prometheus' text."""
        return self._get("metrics")[1].decode()

    def wait_ready(self, timeout: float = 30) -> None:
        """Wait until it is ready; fail with its log if it ends before."""

        def ready() -> bool:
            if not self.alive:
                raise RuntimeError(f"the worker ended:\n{self.output()[-3_000:]}")
            return self.is_ready()

        wait_until(ready, timeout, "the worker is ready")

    def _status(self, page: str) -> int:
        try:
            return self._get(page)[0]
        except OSError:
            return 0

    def _get(self, page: str) -> tuple[int, bytes]:
        if not self._port_file.exists():
            return 0, b"{}"
        url = f"http://127.0.0.1:{self._port_file.read_text()}/{page}"
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as exc:
            return exc.code, exc.read()


def main(slot: str, start: str, port_file: Path) -> None:
    configure_logs()

    def announce(port: int) -> None:
        written = port_file.with_suffix(".new")
        written.write_text(str(port))
        written.rename(port_file)

    settings = load_settings()

    def build(metrics: Metrics) -> Judge:
        if not settings.redis.url.get_secret_value():
            return a_judge(MemoryResolver(100_000))
        cache = RedisCache(settings.redis.url.get_secret_value(), settings.redis.timeout_ms / 1000, 1)
        breaker = Breaker(time.monotonic, failures=2, cooldown_s=0.2, longest_s=1)
        sealer = Sealer(b"secret", "scorer", len(TAXONOMY.names))
        return a_judge(CacheResolver(cache, sealer, breaker, metrics, 60, time.monotonic))

    if HANGS in os.environ:
        setattr(service, "KafkaSink", partial(KafkaSink, connect=HangingProducer))  # noqa: B010 - for this process
    service.serve(settings, build, slot, parse_start(start), announce)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except ChatwardenError as exc:
        sys.stderr.write(f"{exc}\n")
        sys.stderr.flush()
        sys.exit(exc.exit_code)
