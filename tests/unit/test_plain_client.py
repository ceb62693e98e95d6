"""Laws of the plain client, against a real socket that says exactly what the test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from spec.qtn1 import Batch, Record, Snapshot
from spec.qtn1_mirror import Mirror, OutOfStep
from tests.clients.plain import Follower, ProtocolBreach, Stream, follow
from tests.plain_encoder import encode_batch, encode_snapshot, to_text
from tests.plain_trees import EVERY_KIND, snapshot

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """`serve(answer, ...)`: a URL whose n-th connection gets the n-th answer and is then closed, or held open
    where the answer ends in None. A part ECHO is the request, with bars for its line ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(*answers: list[bytes | None]) -> str:
        def run() -> None:
            for answer in answers:
                peer, _ = listener.accept()
                held.append(peer)
                request = b""
                while b"\r\n\r\n" not in request:
                    request += peer.recv(4096)
                parts = [
                    request.replace(b"\r\n", b"|") if part == b"ECHO" else part for part in answer if part is not None
                ]
                peer.sendall(b"".join(parts))
                if None not in answer:
                    peer.close()

        threads.append(threading.Thread(target=run, daemon=True))
        threads[0].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/events?x=1"

    yield start
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive(), "the test made fewer connections than it had answers for"
    for peer in held:
        peer.close()
    listener.close()


def sse(event: str | None, data: object, clock: str | None = None) -> bytes:
    """One frame."""
    name = f"event: {event}\n" if event else ""
    text = data if isinstance(data, str) else json.dumps(data)
    return (name + f"data: {text}\n" + (f"id: {clock}\n" if clock else "") + "\n").encode()


def opening(tree: Snapshot, clock: str) -> bytes:
    """Tree and message, as one batch."""
    mirror = Mirror()
    mirror.replace([tree])
    told = {
        "path": tree.path.decode(), "mode": "quantum", "compressed": to_text("QTN1:", encode_snapshot(tree)),
        "clock": clock, "digest": f"{tree.digest:032x}",
    }  # fmt: skip
    message = {"clock": clock, "digest": f"{mirror.service_digest:032x}"}
    return b"retry: 1234\n: hello\n\n" + sse("tree", told) + sse("stats", {}) + sse(None, message, clock)


TREE = snapshot(EVERY_KIND)
FILE_ID = next(e.id for e in TREE.entries.values() if e.name == b"file")
CHANGE = [Record(FILE_ID, 8, size=4321)]
BATCH = Batch(TREE.epoch, TREE.seq, TREE.seq + 1, None, CHANGE)
BATCH_TEXT = to_text("QTN1:BATCH:", encode_batch(BATCH))


def digest_after() -> str:
    """The service's digest after BATCH."""
    mirror = Mirror()
    mirror.replace([TREE])
    mirror.apply_delta(CHANGE)
    return f"{mirror.service_digest:032x}"


def test_a_stream_is_followed(serve: Serve) -> None:
    live = sse("quantum", BATCH_TEXT) + sse(None, {"clock": "c-2", "digest": digest_after()}, "c-2")
    url = serve([HEAD, opening(TREE, "c-1"), b": beat\nid: c-1\n\n", sse("stats", {"path": "/"}, "c-1"), live])
    seen = [(turn.id, mirror.seq, mirror.entries[FILE_ID].size) for turn, mirror in follow(url)]
    assert seen == [("c-1", 41, 1 << 40), ("c-1", 41, 1 << 40), ("c-1", 41, 1 << 40), ("c-2", 42, 4321)]


def test_what_has_no_id_yet_is_dropped_and_told_again(serve: Serve) -> None:
    batch, message = sse("quantum", BATCH_TEXT), sse(None, {"clock": "c-2", "digest": digest_after()}, "c-2")
    cut_off = [HEAD, opening(TREE, "c-1"), batch, message[:-1]]
    again = [HEAD, batch, message, None]
    with Follower(serve(cut_off, again)) as follower:
        follower.turn()
        with pytest.raises(ConnectionError):
            follower.until_clock("c-2")
        assert follower.mirror.seq == 41
        follower.reconnect()
        follower.until_clock("c-2")
        assert follower.mirror.seq == 42
        assert follower.digests_checked == 2
        assert [turn.id for turn in follower.turns] == ["c-1", "c-2"]
        with pytest.raises(TimeoutError):
            follower.turn(within_s=0.01)


def test_the_last_id_is_sent(serve: Serve) -> None:
    with_request = [HEAD + b"data: ", b"ECHO", b"\nid: 1\n\n"]
    stream = Stream(serve(with_request), last_id="abc-7")
    frame = stream.frame()
    stream.close()
    assert frame is not None
    assert frame.data is not None
    assert frame.data.startswith("GET /events?x=1 HTTP/1.1|Host: 127.0.0.1:")
    assert "|Last-Event-ID: abc-7|" in frame.data


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        (sse(None, {"clock": "c-2", "digest": "0" * 32}, "c-2"), ProtocolBreach),
        (sse(None, {"clock": "c-3", "digest": None}, "c-2"), ProtocolBreach),
        (b"id: c-2\ndata: {}\n\n", ProtocolBreach),
        (sse("quantum", BATCH_TEXT) + sse("quantum", BATCH_TEXT) + sse(None, {"clock": "c-2"}, "c-2"), None),
        (sse("quantum", to_text("QTN1:BATCH:", encode_batch(Batch(1, 1, 2, None, [])))) + b"id: c-2\n\n", OutOfStep),
    ],
)
def test_a_breach_is_told(serve: Serve, frames: bytes, error: type[Exception] | None) -> None:
    with Follower(serve([HEAD, opening(TREE, "c-1") + frames, None])) as follower:
        follower.turn()
        if error is None:
            follower.turn()
            return
        with pytest.raises(error):
            follower.turn()
        assert follower.last_id == "c-1"


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 503 No\r\n\r\n", HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")]
)
def test_an_answer_that_is_no_stream_is_told(serve: Serve, head: bytes) -> None:
    with pytest.raises(ProtocolBreach):
        Follower(serve([head]))
