"""Logs: one JSON object per line that cannot carry what players wrote."""

import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest

from stream.errors import ConfigError, TransportError
from stream.logs import JsonFormatter, Sparing, configure_logs, last_words

WORDS = "what a player wrote"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, threading.excepthook
    output = io.StringIO()
    configure_logs(output=output)
    yield output
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    threading.excepthook = hook


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


def test_what_ends_a_thread_is_a_line_without_its_words(log: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    thread = threading.Thread(target=int, args=(WORDS,))
    thread.start()
    thread.join()
    (line,) = lines(log)
    error = line["error"]
    assert isinstance(error, dict)
    assert error["type"] == "ValueError"
    assert WORDS not in log.getvalue()
    assert capsys.readouterr().err == ""


def test_control_characters_cannot_forge_a_line(log: io.StringIO) -> None:
    logging.getLogger("stream").warning("odd\n\x1b[31m%s", "topic\r\u202e")
    assert len(log.getvalue().splitlines()) == 1
    assert "\x1b" not in log.getvalue()
    assert "\u202e" not in log.getvalue()


def said(message: str, at: float, failure: Exception | None = None) -> logging.LogRecord:
    told = (type(failure), failure, None) if failure is not None else None
    record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, message, None, told)
    record.created = at
    return record


def test_a_line_is_repeated_after_a_while_and_numbers_make_no_other_line() -> None:
    sparing = Sparing(repeat_s=30)
    assert sparing.filter(said("refused after 1 ms", 100))
    assert not sparing.filter(said("refused after 2 ms", 129.9))
    assert sparing.filter(said("no such host", 129.9))
    again = said("refused after 3 ms", 130)
    assert sparing.filter(again)
    assert json.loads(JsonFormatter().format(again))["left_out"] == 1
    assert not sparing.filter(said("refused after 4 ms", 131))
    set_back = said("refused after 5 ms", 50)
    assert sparing.filter(set_back), "a clock that was set back silences nothing"


def test_lines_that_tell_of_other_failures_are_other_lines() -> None:
    sparing = Sparing(repeat_s=30)
    assert sparing.filter(said("a task failed", 100, KeyError()))
    assert sparing.filter(said("a task failed", 100, ValueError()))
    assert not sparing.filter(said("a task failed", 100, ValueError()))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_last_words_are_a_line_of_the_log_with_the_exit_code(log: io.StringIO) -> None:
    assert last_words(ConfigError("topics.events: one\nkafka.group_id: two"), log) == 2
    (line,) = lines(log)
    assert (line["level"], line["code"], line["cause"]) == ("error", 2, "ConfigError")
    assert line["message"] == "topics.events: one\nkafka.group_id: two"


def test_on_a_terminal_they_are_plain(log: io.StringIO) -> None:
    terminal = Terminal()
    assert last_words(TransportError("Kafka is away"), terminal) == 75
    assert terminal.getvalue() == "chatwarden: Kafka is away\n"
    assert log.getvalue() == ""


def test_of_a_defect_they_show_the_place_and_not_what_it_quotes(log: io.StringIO) -> None:
    with pytest.raises(ValueError, match=WORDS) as caught:
        int(WORDS)
    assert last_words(caught.value, log) == 70
    (line,) = lines(log)
    assert line["code"] == 70
    assert "test_logs.py" in json.dumps(line["error"])
    assert WORDS not in log.getvalue()
