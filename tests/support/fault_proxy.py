"""A proxy before a broker's ``PROXIED`` listener that knows Kafka's requests, and hurts one kind of them.

Every request begins with its length (4 bytes), its API key and version (2 each) and a correlation id (4), every
response with its length and that id: all that is read here.  Source: the Kafka protocol guide, "Request Header" and
"Response Header".
"""

import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

PRODUCE, ADD_PARTITIONS, ADD_OFFSETS, END_TXN, TXN_OFFSET_COMMIT = 0, 24, 25, 26, 28


class Fault(Enum):
    """What happens to a request."""

    LOST = "it is not delivered, and the connection breaks"
    UNANSWERED = "it is delivered and answered, and the connection breaks before the answer arrives"
    LATE = "it is kept until it is released, and the connection breaks"


@dataclass
class _Link:
    """A client's connection and the one to the broker that belongs to it."""

    client: socket.socket
    broker: socket.socket
    unanswered: set[int] = field(default_factory=set)

    def cut(self) -> None:
        for end in (self.client, self.broker):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class FaultProxy:
    """Passes everything on but what ``hurt`` has ordered."""

    def __init__(self, port: int, broker_port: int) -> None:
        self.late: Final[deque[bytes]] = deque()
        """Requests that were kept; ``release`` sends the oldest."""
        self.done = 0
        """How many faults have happened."""
        self._broker = ("127.0.0.1", broker_port)
        self._orders: deque[tuple[int, Fault]] = deque()
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def hurt(self, api_key: int, fault: Fault) -> None:
        """Order a fault for the next request of this kind; orders are executed one after the other."""
        self._orders.append((api_key, fault))

    def release(self) -> int:
        """Deliver the oldest kept request on a connection of its own; return the error code of the answer.

        Only for responses that are a throttle time (4 bytes) and an error code, as EndTxn's is.
        """
        with socket.create_connection(self._broker, 10) as broker:
            broker.sendall(self.late.popleft())
            answer = next(_frames(broker))
        (code,) = struct.unpack_from(">h", answer, 12)
        return int(code)

    def close(self) -> None:
        """Break every connection, and accept no further ones."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for link in self._links:
            link.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                link = _Link(client, socket.create_connection(self._broker))
                self._links.append(link)
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: _Link) -> None:
        answering = threading.Thread(target=self._responses, args=(link,), daemon=True)
        answering.start()
        with link.client, link.broker:
            with suppress(OSError):
                self._requests(link)
            link.cut()
            answering.join()

    def _requests(self, link: _Link) -> None:
        for frame in _frames(link.client):
            api_key, _, correlation = struct.unpack_from(">hhi", frame, 4)
            match self._fault(api_key):
                case None:
                    link.broker.sendall(frame)
                case Fault.UNANSWERED:
                    link.unanswered.add(correlation)
                    link.broker.sendall(frame)
                case Fault.LATE:
                    self.late.append(frame)
                    return
                case Fault.LOST:
                    return

    def _responses(self, link: _Link) -> None:
        with suppress(OSError):
            for frame in _frames(link.broker):
                (correlation,) = struct.unpack_from(">i", frame, 4)
                if correlation in link.unanswered:
                    break
                link.client.sendall(frame)
        link.cut()

    def _fault(self, api_key: int) -> Fault | None:
        with self._lock:
            if not self._orders or self._orders[0][0] != api_key:
                return None
            self.done += 1
            return self._orders.popleft()[1]


@contextmanager
def fault_proxy(port: int, broker_port: int) -> Iterator[FaultProxy]:
    """Yield a proxy that listens on ``port``."""
    proxy = FaultProxy(port, broker_port)
    try:
        yield proxy
    finally:
        proxy.close()


def _frames(connection: socket.socket) -> Iterator[bytes]:
    """Yield messages, lengths included, until the other end closes."""
    with connection.makefile("rb") as stream:
        while len(length := stream.read(4)) == 4:
            body = stream.read(struct.unpack(">i", length)[0])
            yield length + body
