"""``chatwarden run``: the Kafka worker."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from stream.commands.options import Config, Model, PolicyFile, Resolvers, resolver_names

if TYPE_CHECKING:
    from stream.settings import Overrides, Settings

log: Final = logging.getLogger("stream.run")


def run(
    slot: Annotated[
        str | None,
        typer.Option(
            help="Name of this worker in its transactional id: the same after every restart, never used twice at once. "
            "Default: the host's name and the lowest number that is free on it."
        ),
    ] = None,
    start: Annotated[
        str, typer.Option(help="Where a new group starts: earliest, latest or a time. A group with offsets keeps them.")
    ] = "earliest",
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="Kafka's address, instead of the configured one.")
    ] = None,
    group_id: Annotated[str | None, typer.Option(help="Consumer group, instead of the configured one.")] = None,
    model: Model = None,
    policy: PolicyFile = None,
    resolvers: Resolvers = None,
    config: Config = None,
) -> None:
    """Read chat events from Kafka and write exactly one verdict or dead letter for each, until SIGTERM.

    Verdicts, flagged messages, dead letters and input offsets go into one transaction per chunk. SIGTERM finishes the
    chunk in hand and exits within 5 seconds. Logs are JSON lines on standard error; only on a terminal is the last
    message plain text.

    Exit codes: 0 stopped by a signal · 2 usage or configuration · 70 a bug · 75 Kafka failed permanently, or work in
    hand could not be finished in time · 76 another worker uses this slot · 77 records were lost before they were read ·
    78 too many dead letters.
    """
    overrides = {
        "kafka.bootstrap_servers": bootstrap_servers,
        "kafka.group_id": group_id,
        "model.bundle": model,
        "policy.path": policy,
        "pipeline.resolvers": resolver_names(resolvers),
    }
    _until_the_end(lambda: _run(config, overrides, start, slot))


def _until_the_end(work: Callable[[], None]) -> None:
    """Run with the logs and signals of a service; log what ends it."""
    from stream.interrupts import end_on_signals
    from stream.logs import configure_logs, last_words

    configure_logs()
    # Until the loop handles signals: nothing is in hand yet, and an import of torch cannot be interrupted cleanly.
    end_on_signals(lambda name: log.info("stopping on %s; nothing had begun", name), exit_code=0)
    try:
        work()
    except ModuleNotFoundError:
        raise  # the command line knows which extra provides it
    except Exception as exc:  # the process edge
        raise typer.Exit(last_words(exc)) from exc


def _check_entry(settings: "Settings") -> None:
    """Refuse to start if the broker rejects us, which waiting cannot fix; wait for an unavailable one."""
    from stream.errors import TransportError
    from stream.topics import connect

    try:
        connect(settings, within_s=3.0)
    except TransportError as exc:
        log.warning("Kafka is unavailable: %s", exc)


def _run(config: Path | None, overrides: "Overrides", start: str, slot: str | None) -> None:
    """Read the settings and serve, under the given slot or the first free one of this host."""
    import socket
    import tempfile
    from contextlib import nullcontext
    from datetime import UTC, datetime

    from stream import wiring
    from stream.service import serve
    from stream.settings import load_settings
    from stream.slot import leased_slot
    from stream.start import parse_start

    settings, beginning = load_settings(config, overrides), parse_start(start)
    _check_entry(settings)
    purpose = f"{settings.kafka.transactional_id_prefix}-{settings.kafka.group_id}"
    leases = Path(tempfile.gettempdir(), "chatwarden")
    with nullcontext(slot) if slot else leased_slot(socket.gethostname(), purpose, leases) as held:
        serve(
            settings,
            lambda metrics: wiring.judge(settings, lambda: datetime.now(UTC), metrics),
            held,
            beginning,
        )
