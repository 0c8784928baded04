"""The worker as a service: clients, health, metrics and signals around the loop, from start to exit code."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import FrameType
from typing import Final

from stream import kafka_logs
from stream.dead_letters import DeadLetterLimits
from stream.errors import Fenced, TransportError
from stream.health import Health, open_admin
from stream.heap import freeze_heap
from stream.judge import Judge
from stream.kafka_config import consumer_properties, producer_properties, transactional_id
from stream.metrics import PrometheusMetrics
from stream.settings import Settings
from stream.sink import KafkaSink
from stream.source import KafkaSource
from stream.start import Start
from stream.watchdog import Watchdog, longest_turn_s
from stream.worker import Surroundings, Worker

log: Final = logging.getLogger("stream.service")

LEAVE_AT_ANY_PRICE_S: Final = 4.8
FENCED_WAIT_S: Final = 5.0
READ_AHEAD_CHUNKS: Final = 16
"""Chunks read ahead: half of them keep a judge of 4,000 messages a second busy while a paused consumer resumes."""
SWITCH_S: Final = 0.0005
"""Thread switch interval, for the committing thread while the other one judges; Python's 5 ms is a whole commit."""


def serve(
    settings: Settings,
    build_judge: Callable[[PrometheusMetrics], Judge],
    slot: str,
    start: Start,
    announce: Callable[[int], None] = lambda _: None,
) -> None:
    """Run the worker until SIGTERM or SIGINT; ``announce`` is called with the admin port.

    Raises:
        ChatwardenError: it cannot start, or must stop; see ``stream.errors``.
    """
    metrics = PrometheusMetrics()
    consumer = consumer_properties(settings.kafka)
    producer = producer_properties(settings.kafka, slot)
    longest_s = float(consumer["max.poll.interval.ms"]) / 1000 / 2
    health = Health(time.monotonic, longest_s, ("model", "producer", "partitions"), metrics)
    with open_admin(settings.admin, health, metrics.exposition) as admin:
        log.info("health and metrics at http://%s:%d", settings.admin.host, admin.port, extra={"port": admin.port})
        announce(admin.port)
        judge = build_judge(metrics)
        scorer, policy = judge.digests
        metrics.gauge("decider_info", 1, scorer=scorer, policy=policy)
        health.ready("model")
        size = settings.pipeline.chunk_size
        sink = KafkaSink(settings.topics, producer, settings.kafka.group_id)
        # Lost partitions mean lost contact with the broker.  librdkafka's producer may then wait for its coordinator
        # past every time-out (seen on 2.16), so the next transaction gets a new producer.
        ahead = size * READ_AHEAD_CHUNKS
        source = KafkaSource(
            settings.topics.events, consumer, health, metrics, ahead, start, sink.close, kafka_logs.consumer
        )
        identity = {"transactional_id": transactional_id(settings.kafka, slot), "scorer": scorer, "policy": policy}
        log.info("the worker starts", extra=identity)
        with closing(judge), ThreadPoolExecutor(1, "judge") as judging:
            limits, around = DeadLetterLimits(settings.dead_letters), Surroundings(health, metrics)
            worker = Worker(source, sink, lambda chunk: judging.submit(judge, chunk), limits, size, around)
            _heed_signals(worker)
            Watchdog(health, longest_turn_s(consumer, producer)).start()
            _run(worker)


def _run(worker: Worker) -> None:
    sys.setswitchinterval(SWITCH_S)
    freeze_heap()
    try:
        worker.run()
    except Fenced:
        # Two workers with one id would fence each other forever, as fast as they are restarted.
        if not worker.stopping:
            time.sleep(FENCED_WAIT_S)
        raise


def _heed_signals(worker: Worker) -> None:
    """Let SIGTERM and SIGINT end the loop, and the process if the loop takes too long.

    A thread waits for them: a handler would run in the loop's thread, which may be in a client's call for seconds.
    """
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _noted)
    threading.Thread(target=_leave, args=(heard, worker), name="signals", daemon=True).start()


def _noted(number: int, _: FrameType | None) -> None:
    """Do nothing: the thread already has the signal number, which it would not get without a handler."""


def _leave(heard: int, worker: Worker) -> None:
    """Wait for a signal, stop the worker, and end the process if that takes too long.

    Nothing is lost: the next owner repeats what was not committed.
    """
    (number,) = os.read(heard, 1)
    worker.stop()
    log.info("stopping on %s", signal.Signals(number).name)
    time.sleep(LEAVE_AT_ANY_PRICE_S)
    log.error("not done in time; the next worker repeats what was not committed")
    os._exit(TransportError.exit_code)
