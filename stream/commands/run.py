"""``chatwarden run``: the Kafka worker."""

from typing import TYPE_CHECKING, Annotated

import typer

from stream.commands.options import Config, Model, PolicyFile, Resolvers, resolver_names

if TYPE_CHECKING:
    from stream.settings import Settings
    from stream.start import Start


def run(
    slot: Annotated[
        str | None,
        typer.Option(
            help="Names this worker in its transactional id; the same at every restart, no two at a time. "
            "Default: the host's name and the lowest number that no worker of this host has."
        ),
    ] = None,
    start: Annotated[
        str, typer.Option(help="Where a new group starts: earliest, latest or a time. A group with offsets keeps them.")
    ] = "earliest",
    bootstrap_servers: Annotated[str | None, typer.Option(help="Kafka's address, instead of the settings'.")] = None,
    group_id: Annotated[str | None, typer.Option(help="The consumer group, instead of the settings'.")] = None,
    model: Model = None,
    policy: PolicyFile = None,
    resolvers: Resolvers = None,
    config: Config = None,
) -> None:
    """Read chat events from Kafka and write exactly one verdict or dead letter for each, until SIGTERM.

    Verdicts, flagged messages, dead letters and input offsets go into one transaction per chunk. SIGTERM finishes the
    chunk in hand and leaves within 5 seconds. Logs are JSON lines on standard error.

    Exit codes: 0 stopped by a signal · 2 usage or configuration · 75 Kafka failed for good, or no time was left ·
    76 another worker uses this slot · 77 records were lost before they were read · 78 too many dead letters.
    """
    from stream.logs import configure_logs
    from stream.settings import load_settings
    from stream.start import parse_start

    overrides = {
        "kafka.bootstrap_servers": bootstrap_servers,
        "kafka.group_id": group_id,
        "model.bundle": model,
        "policy.path": policy,
        "pipeline.resolvers": resolver_names(resolvers),
    }
    settings, beginning = load_settings(config, overrides), parse_start(start)
    configure_logs()
    _serve(settings, slot, beginning)


def _serve(settings: "Settings", slot: str | None, beginning: "Start") -> None:
    """Serve under the slot given, or under the first free one of this host."""
    import socket
    import tempfile
    from contextlib import nullcontext
    from datetime import UTC, datetime
    from pathlib import Path

    from stream import wiring
    from stream.service import serve
    from stream.slot import leased_slot

    purpose = f"{settings.kafka.transactional_id_prefix}-{settings.kafka.group_id}"
    leases = Path(tempfile.gettempdir(), "chatwarden")
    with nullcontext(slot) if slot else leased_slot(socket.gethostname(), purpose, leases) as held:
        serve(
            settings,
            lambda metrics: wiring.judge(settings, lambda: datetime.now(UTC), metrics),
            held,
            beginning,
            lambda port: typer.echo(f"health and metrics: http://{settings.admin.host}:{port}", err=True),
        )
