"""The query endpoint: who may ask, who knows, and what is said when nobody can be sure."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from yarl import URL

from schemas.strike import Strike
from stream.errors import ConfigError, TransportError
from stream.metrics import NoMetrics
from stream.settings import StrikesSettings
from stream.strikes.endpoint import Endpoint, serve
from stream.strikes.ladder import Ladders
from stream.strikes.steps import Erasure, Steps
from stream.strikes.tally import pseudonyms, tally_verdict
from stream.strikes.topics import Shape
from tests.support.strikes_app import ListOutbox, an_app
from tests.support.verdicts import a_verdict

TOKEN: Final = "a-token-for-tests"  # noqa: S105 - opens nothing but the test's own endpoint
NOW: Final = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class FixedWhereabouts:
    """Partitions and peers as the test says."""

    here: list[int] | None
    others: list[str] = field(default_factory=list)

    def partitions(self) -> list[int] | None:
        return self.here

    def peers(self) -> list[str]:
        return self.others


@dataclass
class Desk:
    """One worker's endpoint, served on loopback."""

    server: TestServer
    whereabouts: FixedWhereabouts
    outbox: ListOutbox


Asking = Callable[[list[Desk]], Awaitable[None]]


def asked(tmp_path: Path, here: list[list[int] | None], asking: Asking) -> None:
    """Serve one endpoint for each entry of ``here``; the player "p/1" is in partition 1 of every disk."""

    async def run() -> None:
        desks = []
        stores = []
        for number, partitions in enumerate(here):
            _, tables, outbox, settings = an_app(tmp_path / str(number))
            stored = tally_verdict(None, 4, a_verdict(player_id="p/1"), Ladders()).value
            tables.standings.store.save(1, b"p/1", stored)
            stores.append(tables.standings.store)
            steps = Steps(settings, Ladders(), pseudonyms(b"k"), outbox, tables, NoMetrics(), lambda: NOW)
            whereabouts = FixedWhereabouts(partitions)
            strikes = settings.strikes.model_copy(update={"token": SecretStr(TOKEN)})
            server = TestServer(Endpoint(whereabouts, steps, Ladders(), Shape(2, 1), strikes, lambda: "r1").routes())
            await server.start_server()
            desks.append(Desk(server, whereabouts, outbox))
        try:
            await asking(desks)
        finally:
            for desk in desks:
                await desk.server.close()
            for store in stores:
                await store.stop()

    asyncio.run(run())


async def ask(
    desk: Desk, player: str = "p%2F1", method: str = "GET", bearer: str = f"Bearer {TOKEN}"
) -> tuple[int, Any]:
    headers = {"Authorization": bearer} if bearer else {}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = str(desk.server.make_url("")).rstrip("/") + f"/v1/players/{player}"
        async with session.request(method, URL(url, encoded=True)) as answer:
            body = await answer.read()
            return answer.status, msgspec.json.decode(body) if answer.content_type == "application/json" else body


def test_a_standing_is_told_with_the_verdicts_behind_it(tmp_path: Path) -> None:
    async def asking(desks: list[Desk]) -> None:
        status, told = await ask(desks[0])
        assert status == 200
        assert told["player_id"] == "p/1"
        game = told["games"]["default"]
        assert (game["points"], game["level"]) == (2.0, 1)
        assert [offence["verdict_id"] for offence in game["offences"]] == [a_verdict().verdict_id]
        (strike,) = game["strikes"]
        assert Strike.model_validate(strike).evidence == [a_verdict().verdict_id]

    asked(tmp_path, [[0, 1]], asking)


@pytest.mark.parametrize("bearer", ["", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer ü"])
def test_without_the_token_nothing_is_told_or_done(tmp_path: Path, bearer: str) -> None:
    async def asking(desks: list[Desk]) -> None:
        for method in ("GET", "DELETE"):
            assert (await ask(desks[0], method=method, bearer=bearer))[0] == 401
        assert desks[0].outbox.sent == []

    asked(tmp_path, [[0, 1]], asking)


def test_the_scheme_may_be_written_in_any_case(tmp_path: Path) -> None:
    async def asking(desks: list[Desk]) -> None:
        assert (await ask(desks[0], bearer=f"bearer {TOKEN}"))[0] == 200

    asked(tmp_path, [[0, 1]], asking)


def test_the_worker_that_is_asked_finds_the_one_that_knows(tmp_path: Path) -> None:
    async def asking(desks: list[Desk]) -> None:
        asked_one, knowing = desks
        asked_one.whereabouts.others = [str(knowing.server.make_url("/"))]
        knowing.whereabouts.others = [str(asked_one.server.make_url("/"))]
        assert (await ask(asked_one))[0] == 200
        assert (await ask(asked_one, "nobody"))[0] == 404

    asked(tmp_path, [[0], [1]], asking)


@pytest.mark.parametrize("state", ["moving", "peer moving", "peer away"])
def test_nobody_is_unknown_while_somebody_cannot_tell(tmp_path: Path, state: str) -> None:
    here: dict[str, list[list[int] | None]] = {
        "moving": [None, [1]],
        "peer moving": [[0], None],
        "peer away": [[0], [1]],
    }

    async def asking(desks: list[Desk]) -> None:
        asked_one, peer = desks
        asked_one.whereabouts.others = [str(peer.server.make_url("/"))]
        if state == "peer away":
            await peer.server.close()
        assert (await ask(asked_one, "nobody"))[0] == 503

    asked(tmp_path, here[state], asking)


def test_an_erasure_goes_to_every_partition_and_has_arrived_when_it_is_accepted(tmp_path: Path) -> None:
    async def asking(desks: list[Desk]) -> None:
        assert await ask(desks[0], method="DELETE") == (202, {"request_id": "r1"})
        outbox = desks[0].outbox
        assert outbox.settled == len(outbox.sent) == 2
        assert [(topic, key, partition) for topic, key, _, partition in outbox.sent] == [
            ("moderation.erasures", None, 0),
            ("moderation.erasures", None, 1),
        ]
        for _, _, value, _ in outbox.sent:
            assert msgspec.json.decode(value or b"", type=Erasure) == Erasure("r1", "p/1", NOW)

    asked(tmp_path, [[0, 1]], asking)


class SilentOutbox(ListOutbox):
    """An outbox whose Kafka takes records and confirms none."""

    async def settle(self) -> None:
        await asyncio.Event().wait()


class BrokenOutbox(ListOutbox):
    """An outbox that has failed."""

    async def put(self, *_: object, **__: object) -> None:
        raise TransportError("a record could not be sent")


@pytest.mark.parametrize("outbox", [SilentOutbox(), BrokenOutbox()], ids=["frozen", "failed"])
def test_an_erasure_that_kafka_does_not_confirm_is_not_called_done(tmp_path: Path, outbox: ListOutbox) -> None:
    async def asking() -> None:
        _, tables, _, settings = an_app(tmp_path)
        steps = Steps(settings, Ladders(), pseudonyms(b"k"), outbox, tables, NoMetrics(), lambda: NOW)
        strikes = settings.strikes.model_copy(update={"token": SecretStr(TOKEN)})
        endpoint = Endpoint(FixedWhereabouts([0, 1]), steps, Ladders(), Shape(2, 1), strikes, lambda: "r1", 0.05)
        server = TestServer(endpoint.routes())
        async with server:
            status, told = await ask(Desk(server, FixedWhereabouts([0, 1]), outbox), method="DELETE")
        assert (status, told["request_id"]) == (503, "r1")
        assert "retry" in told["error"]

    asyncio.run(asyncio.wait_for(asking(), 30))


def test_what_is_no_player_id_is_refused(tmp_path: Path) -> None:
    async def asking(desks: list[Desk]) -> None:
        assert (await ask(desks[0], "x" * 257))[0] == 400

    asked(tmp_path, [[0, 1]], asking)


@pytest.mark.parametrize("player", ["a%0Ab", "bell%07", "x%C2%A0y", "%F0%9F%91%A8%E2%80%8D%F0%9F%91%A7"])
def test_whatever_an_event_may_name_can_be_asked_about_and_forgotten(tmp_path: Path, player: str) -> None:
    async def asking(desks: list[Desk]) -> None:
        assert (await ask(desks[0], player))[0] == 404
        assert (await ask(desks[0], player, "DELETE"))[0] == 202

    asked(tmp_path, [[0, 1]], asking)


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"token": "short"}, "strikes.token"),
        ({"host": "0.0.0.0"}, "strikes.token"),  # noqa: S104 - what is refused
        ({"token": TOKEN, "host": "203.0.113.1"}, "strikes.host"),
    ],
)
def test_an_open_door_is_refused(tmp_path: Path, settings: dict[str, str], place: str) -> None:
    _, tables, outbox, base = an_app(tmp_path)
    steps = Steps(base, Ladders(), pseudonyms(b"k"), outbox, tables, NoMetrics(), lambda: NOW)
    strikes = StrikesSettings.model_validate(settings)
    endpoint = Endpoint(FixedWhereabouts([]), steps, Ladders(), Shape(2, 1), strikes, str)
    with pytest.raises(ConfigError, match=place):
        asyncio.run(serve(endpoint))


def test_without_a_token_the_endpoint_stays_closed(tmp_path: Path) -> None:
    _, tables, outbox, base = an_app(tmp_path)
    steps = Steps(base, Ladders(), pseudonyms(b"k"), outbox, tables, NoMetrics(), lambda: NOW)
    assert asyncio.run(serve(Endpoint(FixedWhereabouts([]), steps, Ladders(), Shape(2, 1), base.strikes, str))) is None
