"""The process of the strikes worker: its start, its end, and the certainty that it does end.

Faust waits for whatever it started, some of which may never return: a worker was seen to ignore SIGTERM for ten
minutes.  So the process keeps time itself.  On SIGTERM or SIGINT it stops reading, commits and closes; when that is
not over after ``strikes.shutdown_s`` it leaves all the same, and what was not committed is done again by its successor.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Final, NoReturn

from stream.errors import ChatwardenError, ConfigError, TransportError
from stream.health import AdminServer, Health
from stream.metrics import PrometheusMetrics
from stream.settings import Settings
from stream.strikes.app import Connections, StrikesApp, attend, build
from stream.strikes.endpoint import Endpoint, serve
from stream.strikes.ladder import Ladders
from stream.strikes.outbox import Outbox
from stream.strikes.security import security
from stream.strikes.steps import Steps
from stream.strikes.tally import pseudonyms
from stream.strikes.topics import prepare

log: Final = logging.getLogger(__name__)
LATE: Final = 70
"""Exit code of a process that had to leave before it was done."""
_TICK_S: Final = 0.5
_MAX_TICK_AGE_S: Final = 60.0


def run(settings: Settings) -> NoReturn:
    """Run until SIGTERM or SIGINT, or until something fails; never returns.

    Exit codes: 0 asked to stop, all committed · 2 configuration · 70 a defect, or time ran out · 75 Kafka is away.
    """
    leave = threading.Event()
    code = LATE
    try:
        with _alone(settings):
            asyncio.run(_main(settings, leave))
        code = 0
    except ChatwardenError as exc:
        log.error("the strikes worker ends", extra={"cause": type(exc).__name__})
        sys.stderr.write(f"chatwarden: {exc}\n")
        code = exc.exit_code
    except Exception:  # the process edge
        log.exception("the strikes worker failed")
    _leave(code)


async def _main(settings: Settings, leave: threading.Event) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _ask_to_stop, stop, settings.strikes.shutdown_s)
    health = Health(time.monotonic, _MAX_TICK_AGE_S, ("partitions",))
    metrics = PrometheusMetrics()
    with AdminServer(settings.admin.host, settings.admin.port, health, metrics.exposition):
        async with _started(settings, metrics, stop) as app:
            await _attend(app, stop, health)


def _ask_to_stop(stop: asyncio.Event, within_s: float) -> None:
    """Stop in an orderly way, and keep time in a thread that nothing can hold up."""
    log.info("asked to stop")
    stop.set()
    timer = threading.Timer(within_s, _leave, (LATE,))
    timer.daemon = True
    timer.start()


@contextlib.asynccontextmanager
async def _started(settings: Settings, metrics: PrometheusMetrics, stop: asyncio.Event) -> AsyncIterator[StrikesApp]:
    """Start everything, in order, and stop it in the reverse one."""
    ladders = Ladders.from_toml(settings.strikes.ladder) if settings.strikes.ladder else Ladders()
    options = security(settings.kafka.properties)
    shape = await prepare(settings, options)
    outbox = Outbox(settings.kafka.bootstrap_servers, options)
    await outbox.start()
    app, tables = build(settings, shape, Connections(settings.kafka.bootstrap_servers, options, outbox, metrics))
    key = settings.pipeline.fingerprint_key.get_secret_value().encode()
    steps = Steps(settings, ladders, pseudonyms(key), outbox, tables, metrics, lambda: datetime.now(UTC))
    attend(app, settings, steps)
    app.finalize()
    endpoint = await serve(Endpoint(app, steps, ladders, shape, settings.strikes))
    starting = asyncio.ensure_future(app.maybe_start())
    try:
        await _first(starting, stop)
        yield app
    finally:
        began = time.monotonic()
        await app.stop()
        await outbox.stop()
        if endpoint is not None:
            await endpoint.cleanup()
        log.info("stopped", extra={"seconds": round(time.monotonic() - began, 3)})


async def _first(starting: "asyncio.Future[bool]", stop: asyncio.Event) -> None:
    """Wait for the start or for the end, whichever comes first."""
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait((starting, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if starting.done():
        starting.result()


async def _attend(app: StrikesApp, stop: asyncio.Event, health: Health) -> None:
    """Watch over the application until it is asked to stop or has crashed."""
    while not stop.is_set():
        health.tick()
        if app.rebalancing or not app.tables.actives_ready:
            health.unready("partitions", "reading partitions back")
        else:
            health.ready("partitions")
        if app.crashed:
            raise _reason(app)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _TICK_S)


def _reason(app: StrikesApp) -> ChatwardenError:
    reason = app.crash_reason
    if isinstance(reason, ChatwardenError):
        return reason
    return TransportError(f"the strikes worker cannot go on: {type(reason).__name__}")


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the data directory.

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


def _leave(code: int) -> NoReturn:
    """End the process, whatever threads still run."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
