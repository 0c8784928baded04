"""The application: what is on, what is off, and what a step does with a record."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from faust.serializers import codecs
from faust.types import TP

from stream.errors import TransportError
from stream.metrics import NoMetrics
from stream.settings import Settings
from stream.strikes.app import StrikesApp
from stream.strikes.channel import Remark
from stream.strikes.issue import milliseconds
from stream.strikes.ladder import Ladders
from stream.strikes.ledger import Ledger
from stream.strikes.steps import Steps, Tables
from stream.strikes.store import Place
from stream.strikes.tally import pseudonyms, read_entry, remark_of
from stream.strikes.transport import VerdictConsumer
from tests.support.processes import ROOT
from tests.support.strikes_app import ListOutbox, an_app
from tests.support.verdicts import START, a_verdict

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Desk:
    """A worker without a broker."""

    app: StrikesApp
    tables: Tables
    outbox: ListOutbox
    settings: Settings
    steps: Steps


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    app, tables, outbox, settings = an_app(tmp_path)
    steps = Steps(settings, Ladders(), pseudonyms(b"k"), outbox, tables, NoMetrics(), lambda: NOW)
    yield Desk(app, tables, outbox, settings, steps)
    asyncio.run(tables.standings.store.stop())
    asyncio.run(tables.channels.store.stop())


@dataclass(frozen=True)
class Message:
    """A record as Faust hands it over."""

    value: bytes | None
    offset: int = 0
    topic: str = "moderation.verdicts"
    partition: int = 1
    key: bytes | None = b"key"
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: float | None = START.timestamp() + 3_600
    generation_id: int = 1

    @property
    def tp(self) -> TP:
        return TP(self.topic, self.partition)


class Consumer(VerdictConsumer):
    """As much of a consumer as a step touches."""

    def __init__(self) -> None:
        self.ledger: Ledger[TP] = Ledger()
        self.ledger.open(1, {TP(topic, 1): 0 for topic in ("moderation.verdicts", "channels", "erasures")})


def test_a_verdict_is_kept_said_and_sent_on(desk: Desk) -> None:
    consumer, raw = Consumer(), a_verdict(severity=3).model_dump_json().encode()
    asyncio.run(desk.steps.verdict(consumer, Message(raw, 7)))
    kept = desk.tables.standings.store.load(1, b"player")
    assert list(read_entry(kept).games) == ["default"]
    assert desk.outbox.to("unit-standings-changelog") == [("unit-standings-changelog", b"player", kept, 1)]
    (strike,) = desk.outbox.to("moderation.strikes")
    assert strike[1] == b"player"
    (remark,) = desk.outbox.to("moderation.channels")
    assert msgspec.json.decode(remark[2] or b"", type=Remark).offset == 7
    assert consumer.ledger.due() == {TP("moderation.verdicts", 1): 8}


def test_a_verdict_delivered_again_changes_nothing_and_is_said_again(desk: Desk) -> None:
    consumer, raw = Consumer(), a_verdict(severity=3).model_dump_json().encode()
    asyncio.run(desk.steps.verdict(consumer, Message(raw, 7)))
    once, kept = list(desk.outbox.sent), desk.tables.standings.store.load(1, b"player")
    asyncio.run(desk.steps.verdict(consumer, Message(raw, 7)))
    assert desk.outbox.sent == [*once, *once]
    assert desk.tables.standings.store.load(1, b"player") == kept


def test_a_verdict_is_taken_to_be_no_younger_than_its_record(desk: Desk) -> None:
    ahead = START + timedelta(days=366)
    raw = a_verdict(sent_at=ahead, decided_at=ahead).model_dump_json().encode()
    asyncio.run(desk.steps.verdict(Consumer(), Message(raw, 7, timestamp=START.timestamp())))
    (remark,) = desk.outbox.to("moderation.channels")
    at = msgspec.json.decode(remark[2] or b"", type=Remark).at
    assert at == milliseconds(START) + 60_000
    assert read_entry(desk.tables.standings.store.load(1, b"player")).games["default"].clock == at


def test_what_is_no_verdict_is_set_aside_as_it_came(desk: Desk) -> None:
    consumer = Consumer()
    asyncio.run(
        desk.steps.verdict(consumer, Message(b"\xff", 3, headers=(("mine", b"1"), ("none", None)), timestamp=1.5))
    )
    assert desk.outbox.sent == [("moderation.verdicts.dlq", b"key", b"\xff", None)]
    (headers,) = desk.outbox.headers
    assert headers == {
        "mine": b"1",
        "dlq.cause": b"not_utf8",
        "dlq.detail": b"byte 0: invalid start byte",
        "dlq.topic": b"moderation.verdicts",
        "dlq.partition": b"1",
        "dlq.offset": b"3",
        "dlq.timestamp": b"1500",
        "dlq.group": b"unit",
    }
    assert consumer.ledger.due() == {TP("moderation.verdicts", 1): 4}


def test_what_is_too_large_to_copy_is_named_and_what_is_nothing_gets_a_key(desk: Desk) -> None:
    consumer, huge = Consumer(), b"{" + b" " * 2_500_000
    asyncio.run(desk.steps.verdict(consumer, Message(huge, 3, headers=(("mine", b"1"),))))
    asyncio.run(desk.steps.verdict(consumer, Message(b"{", 4, headers=(("m" * 1_500_000, b"1" * 600_000),))))
    asyncio.run(desk.steps.verdict(consumer, Message(None, 5, key=None)))
    assert desk.outbox.sent == [("moderation.verdicts.dlq", b"", None, None)] * 3
    (one, two, three) = desk.outbox.headers
    assert one["dlq.cause"] == b"too_large"
    assert one["dlq.detail"].endswith(b"; 2500009 bytes with key and headers, not copied")
    assert (one["dlq.offset"], two["dlq.offset"], three["dlq.offset"]) == (b"3", b"4", b"5")
    assert not one.keys() & {"mine"}
    assert three["dlq.cause"] == b"null_value"
    assert consumer.ledger.due() == {TP("moderation.verdicts", 1): 6}


def test_no_player_id_is_mistaken_for_the_stores_own_key(desk: Desk) -> None:
    place = Place(7, 0.0)
    desk.tables.standings.store.absorb(1, (), place)
    for offset, name in enumerate(("\0place", "\xffplace", "place")):
        raw = a_verdict(name, player_id=name).model_dump_json().encode()
        asyncio.run(desk.steps.verdict(Consumer(), Message(raw, offset)))
    assert len(dict(desk.tables.standings.store.kept(1))) == 3
    assert desk.tables.standings.store.place(1) == place


@pytest.mark.parametrize(("field", "value"), [("at", 1 << 62), ("offset", 1 << 62), ("offset", -1), ("partition", -1)])
def test_a_remark_beyond_any_calendar_or_log_is_set_aside(desk: Desk, field: str, value: int) -> None:
    remark = {**msgspec.to_builtins(remark_of(a_verdict(), 1, 2, Ladders())), field: value}
    asyncio.run(desk.steps.remark(Consumer(), Message(msgspec.json.encode(remark), topic="channels")))
    assert [headers["dlq.cause"] for headers in desk.outbox.headers] == [b"invalid_field"]


@pytest.mark.parametrize("raw", [None, b"{}", b"\xff", b"nonsense", b"[]"])
def test_strangers_on_our_own_topics_are_set_aside_too(desk: Desk, raw: bytes | None) -> None:
    consumer = Consumer()
    asyncio.run(desk.steps.remark(consumer, Message(raw, topic="channels")))
    asyncio.run(desk.steps.erasure(consumer, Message(raw, topic="erasures")))
    assert [record[:3] for record in desk.outbox.sent] == [("moderation.verdicts.dlq", b"key", raw)] * 2
    assert sorted(tp.topic for tp in consumer.ledger.due()) == ["channels", "erasures"]


class CommittingConsumer(VerdictConsumer):
    """A consumer whose commits are written down beside what its outbox does."""

    def __init__(self, outbox: "ListOutbox | ClosingOutbox") -> None:
        self.ledger: Ledger[TP] = Ledger()
        self.ledger.open(1, {TP("t", 0): 0})
        self.app = cast("StrikesApp", SimpleNamespace(outbox=outbox))
        self.commits: list[tuple[int, dict[TP, int]]] = []
        self.outbox = outbox

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self.commits.append((self.outbox.settled, dict(offsets)))
        return True


class ClosingOutbox:
    """An outbox during whose settling the partitions are given up, or a send turns out to have failed."""

    def __init__(self, failure: Exception | None) -> None:
        self.failure = failure
        self.settled = 0
        self.consumer: CommittingConsumer | None = None

    async def settle(self) -> None:
        if self.failure is not None:
            raise self.failure
        assert self.consumer is not None
        self.consumer.ledger.close()


def test_offsets_are_committed_only_once_all_that_followed_has_arrived() -> None:
    outbox = ListOutbox()
    consumer = CommittingConsumer(outbox)
    assert asyncio.run(consumer.force_commit()) is False
    asyncio.run(outbox.put("strikes", None, b"said because of offset 3"))
    consumer.ledger.finish(1, TP("t", 0), 3)
    assert asyncio.run(consumer.force_commit()) is True
    assert consumer.commits == [(1, {TP("t", 0): 4})]
    assert asyncio.run(consumer.force_commit()) is False


@pytest.mark.parametrize("failure", [None, TransportError("a send failed")])
def test_nothing_is_committed_after_a_failed_send_or_a_lost_partition(failure: Exception | None) -> None:
    outbox = ClosingOutbox(failure)
    outbox.consumer = consumer = CommittingConsumer(outbox)
    consumer.ledger.finish(1, TP("t", 0), 3)
    if failure is None:
        assert asyncio.run(consumer.force_commit()) is False
    else:
        with pytest.raises(TransportError):
            asyncio.run(consumer.force_commit())
    assert consumer.commits == []


def test_only_committed_records_are_read_and_nothing_is_served_or_discovered(desk: Desk) -> None:
    async def isolation() -> object:
        consumer = desk.app.consumer
        assert isinstance(consumer, VerdictConsumer)
        thread = consumer._thread  # noqa: SLF001 - the promise itself
        client = thread._create_worker_consumer(desk.app.transport)  # noqa: SLF001 - likewise
        promises = client._isolation_level, client._enable_auto_commit, client._auto_offset_reset  # noqa: SLF001 - likewise
        await client.stop()
        thread.thread_loop.close()
        return promises

    assert asyncio.run(isolation()) == ("read_committed", False, "earliest")
    assert vars(desk.app.conf)["_autodiscover"] is False
    assert desk.app.conf.web_enabled is False
    assert [name for name in codecs.codecs if "pickle" in name] == []
    changelog = desk.tables.standings.changelog_topic
    assert changelog.compacting
    assert not changelog.deleting


def test_the_worker_starts_without_torch_librdkafka_and_redis() -> None:
    """A fresh interpreter that cannot import them builds the application."""
    script = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "confluent_kafka", "redis", "numpy"}:
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Refuse())
import pathlib, tempfile
import stream.strikes.worker, stream.commands.strikes
from tests.support.strikes_app import an_app
with tempfile.TemporaryDirectory() as folder:
    an_app(pathlib.Path(folder))
print(sorted({"torch", "transformers", "confluent_kafka", "redis"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr[-2_000:]
