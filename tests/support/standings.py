"""Asking a strikes worker's endpoint for a player's standing."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.support.strikes_trial import TOKEN


def ask(url: str, token: str = TOKEN, method: str = "GET") -> tuple[int, dict[str, object]]:
    """Ask a worker's endpoint."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request(method, parts.path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def answers(url: str, wanted: int) -> bool:
    """Say whether it answers so; False while it cannot be reached."""
    try:
        return ask(url)[0] == wanted
    except OSError:
        return False
