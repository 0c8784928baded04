"""The strikes worker's process: startup, supervision and shutdown."""

import asyncio
import contextlib
import fcntl
import functools
import logging
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from aiokafka.errors import KafkaError
from faust.types import TP

from stream.errors import ChatwardenError, ConfigError, TransportError
from stream.health import Health, open_admin
from stream.logs import last_words
from stream.metrics import PrometheusMetrics
from stream.settings import Settings
from stream.strikes.app import Clocks, Connections, FaustWhereabouts, StrikesApp, attend, build
from stream.strikes.endpoint import Endpoint, check_door, serve
from stream.strikes.ladder import Ladders
from stream.strikes.leaving import Leaving, leave
from stream.strikes.outbox import Outbox
from stream.strikes.security import security
from stream.strikes.steps import Steps
from stream.strikes.sweep import Sweep
from stream.strikes.tally import pseudonyms
from stream.strikes.topics import Shape, prepare

log: Final = logging.getLogger(__name__)
_TICK_S: Final = 0.5
_MAX_TICK_AGE_S: Final = 60.0
_PAUSE_S: Final = 10.0
"""Maximum pause between two attempts to reach Kafka."""
_AWAY: Final = (KafkaError, ConnectionError, TimeoutError)
T = TypeVar("T")


def run(settings: Settings) -> NoReturn:
    """Run until SIGTERM or SIGINT, or until something fails; never returns.

    Exit codes: 0 stopped on request, all committed · 2 configuration · 70 a bug · 75 Kafka became unavailable, or no
    time was left to commit work in hand · 77 a changelog or a record cannot be read.
    """
    leaving = Leaving(settings.strikes.shutdown_s)
    log.info("the strikes worker starts")
    try:
        with _alone(settings):
            code = asyncio.run(_main(settings, leaving))
    except Exception as exc:  # the process edge
        code = last_words(exc)
    leave(code)


async def _main(settings: Settings, leaving: Leaving) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    leaving.tell(lambda: loop.call_soon_threadsafe(stop.set))
    metrics = PrometheusMetrics("strikes")
    health = Health(time.monotonic, _MAX_TICK_AGE_S, ("partitions",), metrics)
    with open_admin(settings.admin, health, metrics.exposition):
        async with contextlib.AsyncExitStack() as stack:
            found = await _unless(stop, stack.enter_async_context(_prepared(settings, metrics, health)), health)
            if found is None:
                log.info("asked to stop before anything had begun")
                return 0
            app, sweep = found
            code = await _attend(app, sweep, stop, health)
            if code == TransportError.exit_code:
                # Faust cannot stop without Kafka.  What is not committed is read again, as after a crash.
                leave(code)
            in_hand = app.in_hand
            log.info("stopping with work in hand" if in_hand else "stopping with nothing in hand")
            # The loop is running, so if time runs out Kafka is not answering, which Faust needs to stop.
            leaving.begin(code or (TransportError.exit_code if in_hand else 0))
            began = time.monotonic()
            await app.stop()
            log.info("stopped", extra={"seconds": round(time.monotonic() - began, 3)})
            return code


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T], health: Health) -> T | None:
    """Wait for ``work``; cancel it and return None if ``stop`` comes first."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    while not (working.done() or stop.is_set()):
        health.tick()
        await asyncio.wait((working, stopping), timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    return None


async def _reached(settings: Settings, options: dict[str, Any], health: Health) -> tuple[Shape, Outbox]:
    """Prepare the topics and open the outbox, however long Kafka is unavailable: a restart would not help.

    Raises:
        ConfigError: as ``prepare``, which waiting cannot fix.
    """
    pause_s = 1.0
    while True:
        try:
            shape = await prepare(settings, options)
            outbox = Outbox.to(settings.kafka.bootstrap_servers, options)
            await outbox.start()
        except TransportError as exc:
            health.unready("partitions", "Kafka is away")
            log.warning("waiting for Kafka: %s", exc)
        else:
            return shape, outbox
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _PAUSE_S)


@contextlib.asynccontextmanager
async def _prepared(
    settings: Settings, metrics: PrometheusMetrics, health: Health
) -> AsyncIterator[tuple[StrikesApp, Sweep]]:
    """Build the application, with its topics, its outbox and its endpoint open; waits for Kafka."""
    ladders = _ladders(settings.strikes.ladder)
    options = security(settings.kafka.properties)
    check_door(settings.strikes)
    shape, outbox = await _reached(settings, options, health)
    clocks = Clocks(time.time, time.monotonic)
    connections = Connections(
        settings.kafka.bootstrap_servers, options, outbox, metrics, clocks, frozenset({settings.strikes.erasures})
    )
    app, tables = build(settings, shape, connections)
    key = settings.pipeline.fingerprint_key.get_secret_value().encode()
    steps = Steps(settings, ladders, pseudonyms(key), outbox, tables, metrics, lambda: datetime.now(UTC))
    attend(app, settings, steps)
    app.finalize()
    new_id = functools.partial(secrets.token_hex, 16)
    read = (settings.topics.verdicts, settings.strikes.channels)
    places = frozenset(TP(topic, partition) for topic in read for partition in range(shape.partitions))
    where = FaustWhereabouts(app, tables, places)
    served = await serve(Endpoint(where, steps, ladders, shape, settings.strikes, new_id))
    try:
        yield app, Sweep(where, tables, settings, ladders, outbox, metrics, clocks.wall)
    finally:
        await outbox.stop()
        if served is not None:
            await served.cleanup()


def _ladders(path: Path | None) -> Ladders:
    try:
        return Ladders.from_toml(path) if path else Ladders()
    except ConfigError as exc:
        raise ConfigError("\n".join(f"strikes.ladder: {line}" for line in str(exc).splitlines())) from exc


async def _attend(app: StrikesApp, sweep: Sweep, stop: asyncio.Event, health: Health) -> int:
    """Supervise the application until it is asked to stop or fails; return the exit code.

    The failure is logged here, before stopping, which may exceed the time left.
    """
    sweeping = asyncio.ensure_future(sweep.run())
    try:
        await _watch(app, sweeping, stop, health)
    except _AWAY as exc:
        return last_words(reason_of(exc))
    except Exception as exc:  # the process edge
        return last_words(exc)
    finally:
        sweeping.cancel()
    return 0


async def _watch(app: StrikesApp, sweeping: asyncio.Future[None], stop: asyncio.Event, health: Health) -> None:
    """Start the application and supervise it and its sweep until it is asked to stop or one of them fails."""
    starting = asyncio.ensure_future(app.maybe_start())
    while not stop.is_set():
        health.tick()
        if app.settled:
            health.ready("partitions")
            app.report_lag()
        else:
            health.unready("partitions", "reading partitions back")
        if app.crashed:
            raise reason_of(app.crash_reason)
        for begun in (starting, sweeping):
            if begun.done():
                begun.result()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _TICK_S)


def reason_of(reason: BaseException | None) -> ChatwardenError:
    """Return what ended the application as an error of ours."""
    if isinstance(reason, ChatwardenError):
        return reason
    if isinstance(reason, _AWAY):
        return TransportError(f"Kafka: {type(reason).__name__}")
    return ChatwardenError(f"a bug: {type(reason).__name__}; see the log")


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Lock the data directory.

    Raises:
        ConfigError: it cannot be written, or another worker holds it.
    """
    folder = settings.strikes.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        raise ConfigError(f"strikes.data_dir: {folder} is in use; give each worker a directory of its own") from exc
    except OSError as exc:
        raise ConfigError(f"strikes.data_dir: {exc}") from exc
    with lock:
        yield
