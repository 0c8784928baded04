"""A hub of one repository on a free port: what its client asks for, and answers as the real one gives.

Source: https://huggingface.co/docs/hub/api, and huggingface_hub's own client.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True, slots=True)
class Hub:
    """A running hub."""

    address: str
    fetched: list[str] = field(default_factory=list)
    """Files whose content was sent, in order."""


@contextmanager
def a_hub(name: str, files: Mapping[str, bytes]) -> Iterator[Hub]:
    """Serve a model repository of that name with those files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = _handler(name, files, hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(name: str, files: Mapping[str, bytes], hub: Hub) -> type[BaseHTTPRequestHandler]:
    listing = json.dumps({"id": name, "sha": COMMIT, "siblings": [{"rfilename": path} for path in files]}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            body = self._answer()
            self.wfile.write(body)

        def _answer(self) -> bytes:
            path = self.path.partition("?")[0]
            wanted = path.removeprefix(f"/{name}/resolve/{COMMIT}/")
            if path.startswith(f"/api/models/{name}/revision/"):
                return self._head(200, listing)
            if wanted in files:
                if self.command == "GET":
                    hub.fetched.append(wanted)
                return self._head(200, files[wanted])
            return self._head(404, b"", "RepoNotFound")

        def _head(self, status: int, body: bytes, error: str | None = None) -> bytes:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if error:
                self.send_header("X-Error-Code", error)
            self.end_headers()
            return body

        def log_message(self, *_: object) -> None:
            pass

    return Handler
