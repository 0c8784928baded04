"""A player's standing over HTTP, with the verdicts behind it, and the erasure of one player.

``GET /v1/players/{player_id}``     200 with the standings by game, 404 when no worker knows the player
``DELETE /v1/players/{player_id}``  202 with a request id; the audit topic says when it is done

Both want ``Authorization: Bearer <token>``.  Whichever worker is asked finds the one that knows.
"""

import hmac
import logging
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from schemas.event import MAX_NAME
from stream.errors import ConfigError
from stream.settings import StrikesSettings
from stream.strikes.app import StrikesApp
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
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answers for one worker."""

    app: StrikesApp
    steps: Steps
    ladders: Ladders
    shape: Shape
    settings: StrikesSettings

    def routes(self) -> web.Application:
        """Return the application to serve."""
        application = web.Application(middlewares=[self._authenticated], client_max_size=1_024)
        application.router.add_get("/v1/players/{player_id}", self.standing)
        application.router.add_delete("/v1/players/{player_id}", self.erase)
        return application

    @web.middleware
    async def _authenticated(self, request: web.Request, handler: Any) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        wanted = f"Bearer {self.settings.token.get_secret_value()}".encode()
        if not hmac.compare_digest(given, wanted):
            return web.json_response({"error": "unauthorized"}, status=401, headers={"WWW-Authenticate": "Bearer"})
        answer: web.StreamResponse = await handler(request)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    async def standing(self, request: web.Request) -> web.Response:
        """Answer with a player's standings: from here, else from whoever has them."""
        player_id = _player(request)
        games = self._here(player_id.encode())
        if games:
            return web.json_response({"player_id": player_id, "games": games})
        if _ASKED not in request.headers:
            found = await self._elsewhere(request)
            if found is not None:
                return web.json_response(found)
        return web.json_response({"error": "no standing of this player"}, status=404)

    async def erase(self, request: web.Request) -> web.Response:
        """Ask every partition to forget a player; answers once the request cannot be lost any more."""
        erasure = Erasure(secrets.token_hex(16), _player(request), self.steps.now())
        record = msgspec.json.encode(erasure)
        for partition in range(self.shape.partitions):
            await self.steps.outbox.put(self.settings.erasures, None, record, partition)
        await self.steps.outbox.settle()
        return web.json_response({"request_id": erasure.request_id}, status=202)

    def _here(self, key: bytes) -> dict[str, object]:
        store = self.steps.tables.standings.store
        found: dict[str, object] = {}
        for partition in self._partitions():
            stored = store.load(partition, key)
            entry = read_entry(stored)
            found |= {game: self._told(game, standing) for game, standing in entry.games.items()}
        return found

    def _partitions(self) -> Iterable[int]:
        changelog = self.steps.tables.standings.changelog_topic_name
        return sorted(tp.partition for tp in self.app.assignor.assigned_actives() if tp.topic == changelog)

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

    async def _elsewhere(self, request: web.Request) -> Mapping[str, object] | None:
        """Ask the other workers, which Faust's assignor knows by their address."""
        here = str(self.app.conf.canonical_url)
        peers = sorted({str(url) for url in self.app.assignor.tables_metadata()} - {here})
        headers = {"Authorization": request.headers["Authorization"], _ASKED: "1"}
        timeout = aiohttp.ClientTimeout(total=_PEER_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, headers=headers) as session:
            for peer in peers:
                found = await _ask(session, peer.rstrip("/") + request.raw_path)
                if found is not None:
                    return found
        return None


async def _ask(session: aiohttp.ClientSession, url: str) -> Mapping[str, object] | None:
    try:
        async with session.get(url, allow_redirects=False) as answer:
            return await answer.json() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError) as exc:
        log.warning("another worker's endpoint cannot be reached", extra={"cause": type(exc).__name__})
        return None


async def serve(endpoint: Endpoint) -> web.AppRunner | None:
    """Open the endpoint, unless no token is set; the caller cleans the runner up.

    Raises:
        ConfigError: the token is too short, or the address cannot be bound.
    """
    settings = endpoint.settings
    token = settings.token.get_secret_value()
    if not token:
        if settings.host not in _LOOPBACK:
            raise ConfigError("strikes.token: must be set where strikes.host is not loopback")
        log.warning("strikes.token is not set: standings cannot be asked for")
        return None
    if len(token) < MIN_TOKEN:
        raise ConfigError(f"strikes.token: at least {MIN_TOKEN} characters are needed")
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
    if not 0 < len(player_id) <= MAX_NAME or not player_id.isprintable():
        raise web.HTTPBadRequest(text="not a player id")
    return player_id


def _told_marks(marks: Marks) -> list[dict[str, object]]:
    return [
        {"verdict_id": mark.verdict_id, "at": instant(mark.at).isoformat(), "weight": mark.weight} for mark in marks
    ]
