"""A plain synchronous client of `GET /events`: a socket, a parser, and a mirror held exactly as PROTOCOL tells.

Law: it collects `tree` and `quantum` frames, commits them when the frame with the `id:` arrives, drops them if the
connection ends first, and checks the digest after each batch. It imports nothing of the server. Every wait has a
deadline; nothing here sleeps.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, NamedTuple, NoReturn, Self
from urllib.parse import urlsplit

from spec.qtn1 import Snapshot, decode_batch, decode_snapshot, from_text
from spec.qtn1_mirror import Mirror
from tests.clients.coding import decoder
from tests.clients.sse import Frame, Parser

DEADLINE_S = 10.0


class ProtocolBreach(AssertionError):
    """The server said something that the protocol forbids."""


def get(url: str, *, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """One GET: status, headers with lower-case names, body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_S)
    try:
        connection.request("GET", parts.path + ("?" + parts.query if parts.query else ""), headers=headers or {})
        response = connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


def get_json(url: str, *, headers: dict[str, str] | None = None) -> Any:
    """The JSON of a 200 answer; AssertionError with the body for any other."""
    status, _, body = get(url, headers=headers)
    assert status == 200, f"{url}: {status} {body[:2000]!r}"
    return json.loads(body)


class Stream:
    """One connection to an event stream, frame by frame. The owner closes it, and may mistreat its `socket`."""

    def __init__(self, url: str, *, headers: dict[str, str] | None = None, last_id: str = "") -> None:
        parts = urlsplit(url)
        self.parser = Parser(last_id)
        self._pending: list[Frame] = []
        self._ended = False
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=DEADLINE_S)
        try:
            self._request(parts.path + ("?" + parts.query if parts.query else ""), parts.netloc, headers or {}, last_id)
        except BaseException:
            self.socket.close()
            raise

    def _request(self, target: str, host: str, headers: dict[str, str], last_id: str) -> None:
        sent = {"Host": host, "Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {}) | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        self.socket.sendall(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode())
        deadline, head = monotonic() + DEADLINE_S, bytearray()
        while b"\r\n\r\n" not in head:
            head += self._receive(deadline) or self._cut_off(head)
        head_end = head.index(b"\r\n\r\n") + 4
        status_line, _, fields = bytes(head[:head_end]).partition(b"\r\n")
        self.status = int(status_line.split()[1])
        self.headers = {k.lower(): v for k, v in http.client.parse_headers(io.BytesIO(fields)).items()}
        if "transfer-encoding" in self.headers:
            raise ProtocolBreach("an event stream is close-delimited, not chunked")
        self._decode = decoder(self.headers.get("content-encoding", ""))
        self._feed(bytes(head[head_end:]))

    def _feed(self, data: bytes) -> None:
        self._pending += self.parser.feed(self._decode(data))

    def _cut_off(self, head: bytearray) -> NoReturn:
        raise ConnectionError(f"the connection ended inside the header: {bytes(head)!r}")

    def _receive(self, deadline: float) -> bytes:
        left = deadline - monotonic()
        if left <= 0:
            raise TimeoutError("nothing more came on the stream before the deadline")
        self.socket.settimeout(left)
        try:
            return self.socket.recv(1 << 16)
        except ConnectionResetError:  # a server that was killed; for a client it is an end like any other
            return b""

    def frame(self, within_s: float = DEADLINE_S) -> Frame | None:
        """The next frame; None when the server has closed the stream; TimeoutError when neither comes in time."""
        deadline = monotonic() + within_s
        while not self._pending and not self._ended:
            data = self._receive(deadline)
            self._ended = not data
            self._feed(data)
        return self._pending.pop(0) if self._pending else None

    def wait_for_comments(self, count: int, within_s: float = DEADLINE_S) -> None:
        """Returns once so many comment lines have come in all; the frames that come meanwhile are kept."""
        deadline = monotonic() + within_s
        while self.parser.comments < count:
            data = self._receive(deadline)
            if not data:
                raise ConnectionError("the stream ended")
            self._feed(data)

    def close(self) -> None:
        """Closes the connection; may be called twice."""
        self.socket.close()


class Turn(NamedTuple):
    """What was committed by one `id:`: an opening, a batch, or something between batches (a heartbeat, stats)."""

    id: str
    frames: tuple[Frame, ...]

    def named(self, event: str) -> list[Any]:
        """The decoded data of its frames of this name ("message" for the unnamed); `quantum`'s as text."""
        datas = [frame.data for frame in self.frames if frame.event == event and frame.data is not None]
        return datas if event == "quantum" else [json.loads(data) for data in datas]


class Follower:
    """A client that follows one stream with a mirror. `turns` are those committed, over all its connections."""

    def __init__(self, url: str, *, headers: dict[str, str] | None = None, since: str = "") -> None:
        self.url, self.headers, self.last_id = url, headers or {}, since
        self.mirror = Mirror()
        self.turns: list[Turn] = []
        self.digests_checked = 0
        self._held: list[Frame] = []
        self.stream = self._connected()

    def _connected(self) -> Stream:
        stream = Stream(self.url, headers=self.headers, last_id=self.last_id)
        if stream.status != 200:
            stream.close()
            raise ProtocolBreach(f"{self.url}: status {stream.status} ends a browser's EventSource for good")
        return stream

    def reconnect(self) -> None:
        """Drops what isn't committed and connects again from the last id, as an EventSource does."""
        self.stream.close()
        self._held.clear()
        self.stream = self._connected()

    def step(self, within_s: float = DEADLINE_S) -> Frame | None:
        """Takes one frame, and commits if it has an id. None: the stream has ended and what was held is dropped."""
        frame = self.stream.frame(within_s)
        if frame is None:
            self._held.clear()
            return None
        self._held.append(frame)
        if frame.id is not None:
            if frame.last_field != "id":
                raise ProtocolBreach(f"the id is not the last line of its frame: {frame.event}")
            turn = Turn(frame.id, tuple(self._held))
            self._held.clear()
            self._commit(turn)
            self.last_id = turn.id
            self.turns.append(turn)
        return frame

    def turn(self, within_s: float = DEADLINE_S) -> Turn:
        """The next turn; ConnectionError when the stream ends first."""
        deadline, before = monotonic() + within_s, len(self.turns)
        while len(self.turns) == before:
            if self.step(deadline - monotonic()) is None:
                raise ConnectionError("the stream ended")
        return self.turns[-1]

    def until(self, law: Callable[[Self], bool], within_s: float = DEADLINE_S) -> None:
        """Follows until the law holds of this follower; it is asked now and after each turn."""
        deadline = monotonic() + within_s
        while not law(self):
            self.turn(deadline - monotonic())

    def until_clock(self, clock: str, within_s: float = DEADLINE_S) -> None:
        """Follows until this very clock has been committed (as `/clock?sync=1` gave it)."""
        self.until(lambda self: self.last_id == clock, within_s)

    def _commit(self, turn: Turn) -> None:
        trees = turn.named("tree")
        if trees:
            self.mirror.replace([self._snapshot(tree, turn.id) for tree in trees])
        for text in turn.named("quantum"):
            self.mirror.apply(decode_batch(from_text(text)))
        for message in turn.named("message"):
            if message.get("clock") != turn.id:
                raise ProtocolBreach(f"the message's clock {message.get('clock')} is not its id {turn.id}")
            if message.get("digest") is not None and self.mirror.epoch:
                if message["digest"] != f"{self.mirror.service_digest:032x}":
                    raise ProtocolBreach(
                        f"digest after {turn.id}: {message['digest']}, {self.mirror.service_digest:032x}"
                    )
                self.digests_checked += 1

    def _snapshot(self, tree: dict[str, Any], clock: str) -> Snapshot:
        snapshot = decode_snapshot(from_text(tree["compressed"]))
        if tree["clock"] != clock:
            raise ProtocolBreach(f"a tree of clock {tree['clock']} in an opening of clock {clock}")
        if tree["digest"] not in (None, f"{snapshot.digest:032x}"):
            raise ProtocolBreach(f"the tree says digest {tree['digest']}, its snapshot {snapshot.digest:032x}")
        if snapshot.path.decode("utf-8", "replace") != tree["path"]:
            raise ProtocolBreach(f"the tree says path {tree['path']}, its snapshot {snapshot.path!r}")
        return snapshot

    def close(self) -> None:
        """Closes the connection; the mirror stays."""
        self.stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def follow(url: str, *, within_s: float = DEADLINE_S) -> Iterator[tuple[Turn, Mirror]]:
    """Each turn with the mirror after it, until the stream ends; TimeoutError when nothing comes for `within_s`."""
    with Follower(url) as follower:
        while True:
            before = len(follower.turns)
            if follower.step(within_s) is None:
                return
            if len(follower.turns) > before:
                yield follower.turns[-1], follower.mirror
