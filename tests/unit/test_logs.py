"""Logs: one JSON object per line that cannot carry what players wrote."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from stream.errors import TransportError
from stream.logs import configure_logs

WORDS = "what a player wrote"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    output = io.StringIO()
    configure_logs(output=output)
    yield output
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def lines(output: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_fields_from_the_list_are_written_and_no_others(log: io.StringIO) -> None:
    logging.getLogger("stream.worker").info("committed", extra={"records": 3, "text": WORDS})
    (line,) = lines(log)
    assert line["message"] == "committed"
    assert line["logger"] == "chatwarden.stream.worker"
    assert line["records"] == 3
    assert WORDS not in log.getvalue()


def test_a_foreign_exception_shows_its_place_and_not_its_words(log: io.StringIO) -> None:
    try:
        try:
            raise ValueError(WORDS)
        except ValueError as exc:
            raise TransportError("Kafka is away") from exc
    except TransportError:
        logging.getLogger("stream").exception("stopping")
    (line,) = lines(log)
    error = line["error"]
    assert isinstance(error, dict)
    assert error["message"] == "Kafka is away"
    assert error["cause"]["type"] == "ValueError"
    assert "test_logs.py" in error["stack"][0]
    assert WORDS not in log.getvalue()


def test_control_characters_cannot_forge_a_line(log: io.StringIO) -> None:
    logging.getLogger("stream").warning("odd\n\x1b[31m%s", "topic\r\u202e")
    assert len(log.getvalue().splitlines()) == 1
    assert "\x1b" not in log.getvalue()
    assert "\u202e" not in log.getvalue()
