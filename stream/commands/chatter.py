"""``chatwarden chatter``: generated chat events as JSON Lines or into Kafka, for trying out and for load tests."""

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from stream.commands.options import Config
from stream.errors import BROKEN_PIPE

if TYPE_CHECKING:
    from stream.chatter.generate import Chatter
    from stream.settings import Settings

Send = Callable[[list[bytes]], None]
_SEEDS = 1 << 48


class Destination(enum.StrEnum):
    """Where generated events go."""

    STDOUT = "stdout"
    KAFKA = "kafka"


def chatter(
    count: Annotated[int | None, typer.Option(min=1, help="Stop after this many events; by default never.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.1, max=1e6, help="Events per second; by default as fast as they are accepted.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="The same seed gives the same chat and event ids; by default they are new."),
    ] = None,
    to: Annotated[
        Destination, typer.Option(help="JSON Lines, or the events topic of the settings.")
    ] = Destination.STDOUT,
    config: Config = None,
) -> None:
    """Write generated chat events: callouts, small talk, rudeness, floods, and 1 in 500 malformed.

    Exit codes: 0 done · 2 usage or configuration · 75 Kafka is unavailable · 130 interrupted · 141 the reader is gone.
    """
    import os
    import secrets

    from stream.chatter.generate import Chatter
    from stream.interrupts import Interrupted
    from stream.settings import load_settings

    settings = load_settings(config)
    send = _stdout() if to is Destination.STDOUT else _kafka(settings)
    try:
        # No fixed default: a restart would reuse event ids that already have verdicts.
        _talk(Chatter(secrets.randbelow(_SEEDS) if seed is None else seed), send, count, rate)
    except Interrupted as exc:
        raise typer.Exit(exc.exit_code) from exc
    except BrokenPipeError as exc:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise typer.Exit(BROKEN_PIPE) from exc


def _talk(talk: "Chatter", send: Send, count: int | None, rate: float | None) -> None:
    """Send events, at most a thousand at a time, until the count is reached or the process is interrupted."""
    import time
    from datetime import UTC, datetime

    from stream.interrupts import Interrupts

    sent, started = 0, time.monotonic()
    with Interrupts() as interrupts:
        while count is None or sent < count:
            due = sent + 1_000 if rate is None else int((time.monotonic() - started) * rate)
            due = min(due, sent + 1_000, count or due)
            if due > sent:
                send([talk.say(datetime.now(UTC)) for _ in range(due - sent)])
                sent = due
            interrupts.wait(lambda: time.sleep(0 if rate is None else 0.02))


def _stdout() -> Send:
    from stream.lines import Descriptor

    output = Descriptor(1, "standard output")
    return lambda events: output.write(b"\n".join([*events, b""]))


def _kafka(settings: "Settings") -> Send:
    from confluent_kafka import KafkaError, KafkaException, Message, Producer

    from stream.errors import ConfigError, TransportError
    from stream.topics import connect

    admin, kafka, topic = connect(settings), settings.kafka, settings.topics.events
    where, refused = f"Kafka at {kafka.bootstrap_servers}", list[KafkaError]()
    defaults = {"linger.ms": 5, "message.timeout.ms": 30_000, "log_level": 0}
    producer = Producer({**defaults, **kafka.properties, "bootstrap.servers": kafka.bootstrap_servers})

    def told(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            refused.append(error)

    def send(events: list[bytes]) -> None:
        try:
            for event in events:
                producer.produce(topic, event, on_delivery=told)
            waiting = producer.flush(30)
        except (KafkaException, BufferError) as exc:
            raise TransportError(f"{where}: {exc}") from exc
        if waiting or refused:
            why = f": {refused[0].str()}" if refused else ""
            raise TransportError(f"{where} did not accept {waiting + len(refused)} events{why}")

    try:
        found = admin.list_topics(topic, timeout=10).topics[topic]
    except KafkaException as exc:
        raise TransportError(f"{where}: {exc.args[0].str()}") from exc
    if found.error is not None:
        raise ConfigError(f"topics.events: {topic}: {found.error.str()}.  `chatwarden topics` creates it")
    return send
