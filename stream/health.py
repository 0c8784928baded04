"""Liveness and readiness of the main loop, served with the metrics on the admin port.

``/livez``    200 while the main loop's last tick is recent enough, else 503 with the loop's stack.  Restarting does not
              bring Kafka or Redis back, so neither counts.
``/readyz``   200 when the process waits for nothing (model, producer, partitions), else 503 with what it waits for.
``/metrics``  Prometheus text.
"""

import json
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

from stream.errors import ConfigError
from stream.metrics import Metrics, NoMetrics
from stream.settings import AdminSettings

log: Final = logging.getLogger("stream.health")

Component = Literal["model", "producer", "partitions"]
Exposition = Callable[[], bytes]

JSON: Final = "application/json"
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Reply(NamedTuple):
    """The response of an admin path."""

    status: HTTPStatus
    content_type: str
    body: bytes


class Health:
    """Written by the main loop, read by the admin threads.

    ``clock`` is monotonic, in seconds.  ``max_tick_age_s`` must be below the time after which Kafka would take our
    partitions away (``max.poll.interval.ms``); half of it is a good choice.  ``ticks`` counts the loop's turns.
    What the process waits for is a metric, too.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        max_tick_age_s: float,
        waits_for: tuple[Component, ...] = ("model",),
        metrics: Metrics | None = None,
    ) -> None:
        self._clock = clock
        self._max_tick_age_s = max_tick_age_s
        self._ticked = clock()
        self.ticks = 0
        self._waiting: dict[Component, str] = dict.fromkeys(waits_for, "starting")
        self._thread_id = threading.get_ident()
        self._metrics = metrics or NoMetrics()
        for component in waits_for:
            self._metrics.gauge("waiting", 1, component=component)

    def tick(self) -> None:
        """Record a turn of the main loop; called by its thread."""
        self._ticked = self._clock()
        self.ticks += 1

    def ready(self, component: Component) -> None:
        """Record that a component is ready."""
        self._waiting = {name: why for name, why in self._waiting.items() if name != component}
        self._metrics.gauge("waiting", 0, component=component)

    def unready(self, component: Component, why: str) -> None:
        """Record that a component is not ready, and why."""
        self._waiting = {**self._waiting, component: why}
        self._metrics.gauge("waiting", 1, component=component)

    def livez(self) -> Reply:
        """Answer ``/livez``."""
        age = self._clock() - self._ticked
        report: dict[str, object] = {"live": age <= self._max_tick_age_s, "tick_age_s": round(age, 3)}
        if report["live"]:
            return _json(HTTPStatus.OK, report)
        report["stack"] = self.stack()
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, report)

    def stack(self) -> list[str]:
        """Return the main loop's current stack, innermost frame last."""
        frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001 - the documented way to another thread's stack
        return [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_stack(frame)]

    def readyz(self) -> Reply:
        """Answer ``/readyz``."""
        waiting = self._waiting
        status = HTTPStatus.SERVICE_UNAVAILABLE if waiting else HTTPStatus.OK
        return _json(status, {"ready": not waiting, "waiting": waiting})


def _json(status: HTTPStatus, report: object) -> Reply:
    return Reply(status, JSON, json.dumps(report).encode() + b"\n")


class AdminServer:
    """Serves the admin paths from its own thread while the ``with`` block runs."""

    def __init__(self, host: str, port: int, health: Health, exposition: Exposition) -> None:
        """Bind the port; 0 picks a free one, see ``port``.

        Raises:
            ConfigError: the address cannot be bound.
        """
        pages: dict[str, Callable[[], Reply]] = {
            "/livez": health.livez,
            "/readyz": health.readyz,
            "/metrics": lambda: Reply(HTTPStatus.OK, PROMETHEUS, exposition()),
        }
        try:
            self._server = _PagesServer((host, port), _pages_of(pages))
        except (OSError, OverflowError) as exc:
            raise ConfigError(
                f"admin.host, admin.port: cannot listen on {host}:{port}: {exc}; "
                "name an address of this machine and another port, or 0 for a free one"
            ) from exc
        self.port: Final[int] = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="admin", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def open_admin(settings: AdminSettings, health: Health, exposition: Exposition) -> AdminServer:
    """Open the admin port; if it is the default and another worker on this machine has it, open a free one.

    Raises:
        ConfigError: the configured port is taken, or the host is not an address of this machine.
    """
    try:
        return AdminServer(settings.host, settings.port, health, exposition)
    except ConfigError:
        if "port" in settings.model_fields_set:
            raise
    server = AdminServer(settings.host, 0, health, exposition)
    log.warning("admin.port is in use; listening on a free one instead", extra={"port": server.port})
    return server


class _PagesServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Log unexpected errors as JSON; ignore clients that disconnect early."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request to the admin port failed")


def _pages_of(pages: dict[str, Callable[[], Reply]]) -> type[BaseHTTPRequestHandler]:
    class Pages(BaseHTTPRequestHandler):
        timeout = 5  # a silent client holds its thread no longer than this

        def do_GET(self) -> None:
            page = pages.get(self.path.split("?", 1)[0])
            reply = page() if page else _json(HTTPStatus.NOT_FOUND, {"paths": sorted(pages)})
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Keep probes out of the log."""

    return Pages
