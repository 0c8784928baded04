"""A player's standing over HTTP, with the verdicts behind it, and the erasure of one player.

``GET /v1/players/{player_id}``     200 with the standings by game, 404 when no worker knows the player, 503 while
                                    a rebalance is in progress or a worker cannot be reached: retry
``DELETE /v1/players/{player_id}``  202 with a request id: the audit topic says when it is done; 503 when Kafka does
                                    not confirm the request in time: it may be lost or still be carried out, retry

Both need ``Authorization: Bearer <token>``.  Any worker can be asked; it asks the others.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from schemas.event import MAX_NAME
from stream.errors import ConfigError, TransportError
from stream.settings import StrikesSettings
from stream.strikes.issue import instant
from stream.strikes.ladder import Ladders
from stream.strikes.standing import Standing, points
from stream.strikes.steps import Erasure, Steps
from stream.strikes.tally import read_entry
from stream.strikes.topics import Shape
from stream.strikes.windows import Marks

log: Final = logging.getLogger(__name__)

MIN_TOKEN: Final = 16
_ASKED: Final = "X-Chatwarden-Asked"
_PEER_TIMEOUT_S: Final = 3.0
ERASE_S: Final = 10.0
"""Maximum wait of an erasure request for Kafka."""
UNCONFIRMED: Final = (
    "Kafka did not confirm the request in time: it may still be carried out, in part or in full, or be lost; "
    "retry, which is safe"
)
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Whereabouts(Protocol):
    """Where standings are."""

    def partitions(self) -> list[int] | None:
        """Return the partitions that this worker owns; None during a rebalance."""
        ...

    def peers(self) -> list[str]:
        """Return the addresses of the other workers' endpoints."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answers for one worker."""

    whereabouts: Whereabouts
    steps: Steps
    ladders: Ladders
    shape: Shape
    settings: StrikesSettings
    new_id: Callable[[], str]
    erase_s: float = ERASE_S

    def routes(self) -> web.Application:
        """Return the application to serve."""
        application = web.Application(middlewares=[self._authenticated], client_max_size=1_024)
        application.router.add_get("/v1/players/{player_id}", self.standing)
        application.router.add_delete("/v1/players/{player_id}", self.erase)
        return application

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Any) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").encode(errors="surrogateescape").partition(b" ")
        wanted = self.settings.token.get_secret_value().encode()
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token, wanted):
            return web.json_response({"error": "unauthorized"}, status=401, headers={"WWW-Authenticate": "Bearer"})
        answer: web.StreamResponse = await handler(request)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def standing(self, request: web.Request) -> web.Response:
        """Answer with a player's standings, from this worker or from the one that has them."""
        player_id = _player(request)
        here = self.whereabouts.partitions()
        games = self._told_games(player_id.encode(), here or [])
        if games:
            return web.json_response({"player_id": player_id, "games": games})
        unsure = here is None
        if _ASKED not in request.headers:
            found, unreached = await self._elsewhere(request)
            if found is not None:
                return web.json_response(found)
            unsure = unsure or unreached
        if unsure:
            return web.json_response({"error": "a rebalance is in progress; retry"}, status=503)
        return web.json_response({"error": "no standing of this player"}, status=404)

    async def erase(self, request: web.Request) -> web.Response:
        """Ask every partition to erase a player; answers when Kafka has confirmed the request, or has not in time."""
        erasure = Erasure(self.new_id(), _player(request), self.steps.now())
        try:
            async with asyncio.timeout(self.erase_s):
                await self._ask_to_forget(msgspec.json.encode(erasure))
        except (TimeoutError, TransportError) as exc:
            log.warning("Kafka did not confirm an erasure request", extra={"cause": type(exc).__name__})
            return web.json_response({"error": UNCONFIRMED, "request_id": erasure.request_id}, status=503)
        return web.json_response({"request_id": erasure.request_id}, status=202)

    async def _ask_to_forget(self, record: bytes) -> None:
        outbox = self.steps.outbox
        for partition in range(self.shape.partitions):
            await outbox.put(self.settings.erasures, None, record, partition)
        await outbox.settle()

    def _told_games(self, key: bytes, partitions: list[int]) -> dict[str, object]:
        store = self.steps.tables.standings.store
        found: dict[str, object] = {}
        for partition in partitions:
            entry = read_entry(store.load(partition, key))
            found |= {game: self._told(game, standing) for game, standing in entry.games.items()}
        return found

    def _told(self, game_id: str, standing: Standing) -> dict[str, object]:
        ladder = self.ladders.of(game_id).ladder
        return {
            "as_of": instant(standing.clock).isoformat(),
            "points": round(points(standing, ladder), 3),
            "level": standing.level,
            "offences": _told_marks(standing.offences),
            "murmurs": _told_marks(standing.murmurs),
            "quiet_until": {kind: instant(until).isoformat() for kind, until in standing.quiet.items()},
            "strikes": [msgspec.json.decode(strike.body) for strike in standing.issued],
        }

    async def _elsewhere(self, request: web.Request) -> tuple[object, bool]:
        """Ask the other workers; also return whether any could not answer."""
        headers = {"Authorization": request.headers["Authorization"], _ASKED: "1"}
        unreached = False
        timeout = aiohttp.ClientTimeout(total=_PEER_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            for peer in self.whereabouts.peers():
                status, found = await _ask(session, peer.rstrip("/") + request.raw_path)
                if status == 200:
                    return found, False
                unreached = unreached or status != 404
        return None, unreached


async def _ask(session: aiohttp.ClientSession, url: str) -> tuple[int, object]:
    try:
        # Already encoded: a player id may contain what would be decoded here.
        async with session.get(URL(url, encoded=True), allow_redirects=False) as answer:
            return answer.status, await answer.json() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
        log.warning("another worker's endpoint cannot be reached", extra={"cause": type(exc).__name__})
        return 0, None


def check_door(settings: StrikesSettings) -> None:
    """Check that the endpoint needs a token.

    Raises:
        ConfigError: the token is too short, or missing where others can reach the endpoint.
    """
    token = settings.token.get_secret_value()
    if not token and settings.host not in _LOOPBACK:
        raise ConfigError("strikes.token: must be set where strikes.host is not loopback")
    if 0 < len(token) < MIN_TOKEN:
        raise ConfigError(f"strikes.token: at least {MIN_TOKEN} characters are needed")


async def serve(endpoint: Endpoint) -> web.AppRunner | None:
    """Open the endpoint, unless no token is set; the caller cleans the runner up.

    Raises:
        ConfigError: as ``check_door``, or the address cannot be bound.
    """
    settings = endpoint.settings
    check_door(settings)
    if not settings.token.get_secret_value():
        log.warning("strikes.token is not set: the query endpoint is disabled")
        return None
    runner = web.AppRunner(endpoint.routes(), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as exc:
        await runner.cleanup()
        raise ConfigError(f"strikes.host, strikes.port: {exc}") from exc
    return runner


def _player(request: web.Request) -> str:
    player_id = request.match_info["player_id"]
    if not 0 < len(player_id) <= MAX_NAME:
        raise web.HTTPBadRequest(text="not a player id")
    return player_id


def _told_marks(marks: Marks) -> list[dict[str, object]]:
    return [
        {"verdict_id": mark.verdict_id, "at": instant(mark.at).isoformat(), "weight": mark.weight} for mark in marks
    ]
