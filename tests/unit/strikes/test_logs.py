"""Lines of the libraries: filled in, but for what might be a record's key or value."""

import asyncio
import gc
import json
import logging
import threading
from collections.abc import Iterator
from io import StringIO
from typing import Final

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import TopicPartition
from faust.types import TP

from stream.strikes import logs
from stream.strikes.logs import configure

WORDS: Final = "what player p-7 wrote"


class Said:
    """What was written to the log."""

    def __init__(self, output: StringIO) -> None:
        self._output = output

    def text(self) -> str:
        return self._output.getvalue()

    def messages(self) -> list[str]:
        return [json.loads(line)["message"] for line in self.text().splitlines()]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, threading.excepthook
    levels = {name: logging.getLogger(name).level for name in logs.FOREIGN}
    output = StringIO()
    monkeypatch.setattr("sys.stderr", output)
    configure()
    yield Said(output)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)
    logging.captureWarnings(capture=False)
    threading.excepthook = hook


class Record:
    """Shows what it holds, as records do."""

    def __repr__(self) -> str:
        return WORDS

    __str__ = __repr__


@pytest.mark.parametrize(
    ("library", "template", "values", "line"),
    [
        (
            "aiokafka.consumer.group_coordinator",
            "Heartbeat failed for group %s: coordinator (node %s) is either not started or not valid",
            ("chatwarden-strikes", 1),
            "Heartbeat failed for group chatwarden-strikes: coordinator (node 1) is either not started or not valid",
        ),
        (
            "aiokafka",
            'Unable connect to "%s:%s": %s',
            ("kafka-1", 9092, KafkaConnectionError(WORDS)),
            'Unable connect to "kafka-1:9092": KafkaConnectionError',
        ),
        (
            "aiokafka.consumer.group_coordinator",
            "OffsetCommit failed for group %s on partition %s with offset %s: %s",
            ("g", TopicPartition("moderation.verdicts", 3), 41, KafkaConnectionError),
            "OffsetCommit failed for group g on partition moderation.verdicts partition 3 with offset 41: "
            "KafkaConnectionError",
        ),
        (
            "aiokafka.consumer.group_coordinator",
            "OffsetCommit failed for unauthorized topics %s",
            ({"moderation.verdicts"},),
            "OffsetCommit failed for unauthorized topics [moderation.verdicts]",
        ),
        (
            "faust.strikes",
            "No event received for active tp %r in the last %.1f seconds (last event received %s)",
            (TP("moderation.verdicts", 3), 2.5, "a minute ago"),
            "No event received for active tp moderation.verdicts partition 3 in the last 2.5 seconds "
            "(last event received …)",
        ),
        ("mode.services", "Crashed reason=%r", (ValueError(WORDS),), "Crashed reason=ValueError"),
        ("aiokafka.cluster", "No broker metadata found in MetadataResponse", (), "No broker metadata found in "),
    ],
)
def test_a_line_is_filled_in(said: Said, library: str, template: str, values: tuple[object, ...], line: str) -> None:
    logging.getLogger(library).warning(template, *values)
    (message,) = said.messages()
    assert message.startswith(line)
    assert WORDS not in said.text()


@pytest.mark.parametrize("library", ["faust.strikes", "mode.services", "aiokafka.producer", "aiohttp.server"])
@pytest.mark.parametrize("value", [Record(), [Record()], {"key": Record()}, WORDS.encode(), ValueError(WORDS)])
def test_no_value_of_a_record_is_shown_whatever_holds_it(said: Said, library: str, value: object) -> None:
    logging.getLogger(library).error("a: %r\nb: %r", 1, value)
    logging.getLogger(library).error("it has %d bytes, they said", value)
    assert WORDS not in said.text()
    assert said.messages() == ["a: 1", "it has %d bytes, they said"]


@pytest.mark.parametrize("library", ["faust.strikes", "mode.services", "aiohttp.server"])
def test_a_text_is_shown_of_no_library_whose_texts_may_be_keys(said: Said, library: str) -> None:
    logging.getLogger(library).error("Unknown operation: %r, %s", WORDS, [WORDS])
    assert said.messages() == ["Unknown operation: …, […]"]


def test_what_faust_has_filled_in_with_a_message_is_left_out(said: Said) -> None:
    logging.getLogger("faust.topics").warning(f"_on_published error for message topic strikes error x {Record()}")
    assert said.messages() == ["a line that may quote a record (faust.topics)"]


def test_what_a_library_repeats_is_written_once_and_what_we_repeat_each_time(said: Said) -> None:
    for node in range(40):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s: %s", node, KafkaConnectionError(WORDS))
        logging.getLogger("stream.strikes.worker").warning("waiting for Kafka: %s", "it is away")
    messages = said.messages()
    assert messages.count("Unable connect to node with id 0: KafkaConnectionError") == 1
    assert messages.count("waiting for Kafka: it is away") == 40
    assert len(messages) == 41


def test_what_asyncio_knows_of_a_forgotten_failure_is_not_shown(said: Said) -> None:
    async def fail() -> None:
        raise ValueError(WORDS)

    def called(_: object) -> None:
        raise ValueError(WORDS)

    async def forget() -> None:
        asyncio.get_running_loop().call_soon(called, Record())
        forgotten = asyncio.ensure_future(fail())
        await asyncio.sleep(0.01)
        del forgotten
        gc.collect()

    asyncio.run(forget())
    assert WORDS not in said.text()
    heads = [message.partition(" test_")[0] for message in said.messages()]
    assert sorted(heads) == ["Exception in callback", "Task exception was never retrieved"]
    assert "ValueError" in said.text()
