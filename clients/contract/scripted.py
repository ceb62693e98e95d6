"""A server that does, connection by connection, what a test tells it to, and remembers what it was asked.

Law: a scene is a function of one request of `/events`, and plays in a thread of its own; the connection ends with it.
What else is asked for is looked up in `answers`. Nothing of HTTP is done for a scene but the parsing of the request.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

DEADLINE_S = 30.0
STREAM = b"Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"


class Request(NamedTuple):
    """What a client asked: names of headers in lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @property
    def last_id(self) -> str | None:
        return self.headers.get("last-event-id")


class Talk:
    """One connection, as a scene has it."""

    def __init__(self, sock: socket.socket, request: Request, over: threading.Event) -> None:
        self.request, self.socket, self._over = request, sock, over

    def send(self, data: bytes | str) -> None:
        """Raises OSError where the client has gone."""
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def begin(self, status: str = "200 OK", headers: bytes = STREAM) -> None:
        """The head of a response that ends with its connection."""
        self.send(b"HTTP/1.1 " + status.encode() + b"\r\n" + headers + b"Connection: close\r\n\r\n")

    def hold(self) -> None:
        """Returns once the client has gone, or the test is over."""
        self.socket.settimeout(0.05)
        while not self._over.is_set():
            with suppress(TimeoutError):
                if not self.socket.recv(4096):
                    return

    def pause(self, seconds: float) -> None:
        """Does nothing for a while: what is tested is time."""
        self._over.wait(seconds)

    def reset(self) -> None:
        """The connection ends with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Scene = Callable[[Talk], None]


class Scripted:
    """As a context: listening on a free port. After its last scene it answers 204, which is final."""

    def __init__(self, *scenes: Scene) -> None:
        self.scenes = list(scenes)
        self.requests: list[Request] = []
        self.asked: list[Request] = []  # what was no stream
        self.left: list[int] = []  # which connections have ended
        self.answers: dict[str, bytes] = {}
        self._turned, self._over = threading.Condition(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
            self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            while (request := read_request(sock)) is not None:
                if request.path == "/events":
                    self._play(sock, request)
                    return
                self._answer(sock, request)

    def _play(self, sock: socket.socket, request: Request) -> None:
        with self._turned:
            number = len(self.requests)
            self.requests.append(request)
            self._turned.notify_all()
        try:
            scene = self.scenes[number] if number < len(self.scenes) else status("204 No Content")
            scene(Talk(sock, request, self._over))
        finally:
            with self._turned:
                self.left.append(number)
                self._turned.notify_all()

    def _answer(self, sock: socket.socket, request: Request) -> None:
        self.asked.append(request)
        body = self.answers.get(request.path)
        head = b"HTTP/1.1 200 OK\r\n" if body is not None else b"HTTP/1.1 404 Not Found\r\n"
        body = body or b""
        sock.sendall(head + b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def until(self, law: Callable[[Self], bool]) -> None:
        """Returns once the law holds of this server, which is asked after each request and each end."""
        deadline = monotonic() + DEADLINE_S
        with self._turned:
            while not law(self):
                assert self._turned.wait(deadline - monotonic()), f"asked {self.requests}, ended {self.left}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(DEADLINE_S)


def read_request(sock: socket.socket) -> Request | None:
    """The next request; None where the client has gone."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = sock.recv(4096)
        if not more:
            return None
        head += more
    lines = head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    parts = urlsplit(target)
    fields = (line.partition(":") for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    return Request(method, parts.path, parse_qs(parts.query, keep_blank_values=True), headers)


# ---------------------------------------------------------------- scenes


def status(line: str, headers: bytes = b"") -> Scene:
    """An answer without a body."""

    def scene(talk: Talk) -> None:
        talk.begin(line, headers + b"Content-Length: 0\r\n")

    return scene


def frames(*pieces: bytes | str, then: Callable[[Talk], None] = lambda talk: None) -> Scene:
    """A stream of these, each sent by itself; and then, without more, its end."""

    def scene(talk: Talk) -> None:
        talk.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talk.begin()
        for piece in pieces:
            talk.send(piece)
        then(talk)

    return scene


def chunked(pieces: Sequence[bytes]) -> Scene:
    """The same as a proxy may send it on: in chunks, and with a last one."""

    def scene(talk: Talk) -> None:
        talk.begin(headers=STREAM + b"Transfer-Encoding: chunked\r\n")
        for piece in pieces:
            talk.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        talk.send(b"0\r\n\r\n")

    return scene


def held(talk: Talk) -> None:
    """`then=held`: it stays open."""
    talk.hold()


def torn(talk: Talk) -> None:
    """`then=torn`: a reset."""
    talk.reset()
