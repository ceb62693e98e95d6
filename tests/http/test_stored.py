"""`/tree` as a stored answer: its tag, its codings and its parts; made once, sent from a file, gone with its clock."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from aiohttp.test_utils import make_mocked_request

from smarttree.clock import Clock
from smarttree.codec.coding import CODINGS, GZIP, ZSTD
from smarttree.http import stored as stored_module
from smarttree.http import tree as tree_module
from smarttree.http.conditional import Span
from smarttree.http.stored import SMALL_BYTES
from smarttree.wire import MEDIA_TYPE_QTN
from tests.clients.plain import DEADLINE_S
from tests.http.server import Server
from tests.http.test_rest import problem

MANY = 400  # entries with long names: in mode json more than SMALL_BYTES, compressed less


@pytest.fixture
def large(project: Path) -> Path:
    (project / "many").mkdir()
    for number in range(MANY):
        (project / "many" / f"{number:0200d}").touch()
    return project


@pytest.fixture
def server(large: Path) -> Iterator[Server]:
    with Server(large) as running:
        yield running


def decoded(headers: dict[str, str], body: bytes) -> bytes:
    coding = headers.get("content-encoding")
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    assert coding is None
    return body


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("query", ["?mode=json", "?mode=quantum", "?mode=classic&path=/src", "?mode=json&depth=1"])
def test_each_coding_is_the_same_document(server: Server, query: str) -> None:
    plain_status, plain_headers, plain = server.get(f"/tree{query}")
    assert (plain_status, "content-encoding" in plain_headers) == (200, False)
    tags = {plain_headers["etag"]}
    for coding in (GZIP, ZSTD):
        status, headers, body = server.get(f"/tree{query}", Accept_Encoding=coding)
        assert (status, headers["content-encoding"]) == (200, coding)
        assert int(headers["content-length"]) == len(body)
        assert decoded(headers, body) == plain
        tags.add(headers["etag"])
        for name in ("content-type", "vary", "x-smarttree-clock", "cache-control", "accept-ranges"):
            assert headers[name] == plain_headers[name]
    assert len(tags) == 3
    assert plain_headers["vary"] == "Accept, Accept-Encoding"


def test_what_is_compressed_by_itself_is_not_compressed_again(server: Server) -> None:
    _, headers, body = server.get("/tree", Accept=MEDIA_TYPE_QTN, Accept_Encoding="gzip, zstd")
    assert "content-encoding" not in headers
    _, headers, again = server.get("/tree", Accept=MEDIA_TYPE_QTN, Accept_Encoding="gzip, identity;q=0")
    assert headers["content-encoding"] == "gzip"
    assert decoded(headers, again) == body


@pytest.mark.parametrize("accept", ["*;q=0", "identity;q=0", "br, identity;q=0"])
def test_no_coding_that_could_be_taken_is_refused(server: Server, accept: str) -> None:
    assert problem(server.get("/tree", Accept_Encoding=accept))[:2] == (406, "not-acceptable")


def test_the_tag_is_another_for_other_bytes_and_the_same_for_the_same(server: Server, large: Path) -> None:
    asked = [
        f"/tree?mode={mode}{path}{depth}"
        for mode in ("json", "classic", "quantum")
        for path in ("", "&path=/src", "&path=/many")
        for depth in (("", "&depth=1") if mode != "quantum" else ("",))
    ]
    ways = [(target, coding) for target in asked for coding in CODINGS]
    seen: dict[str, bytes] = {}
    for _ in range(2):
        for target, coding in ways:
            _, headers, body = server.get(target, Accept_Encoding=coding)
            assert seen.setdefault(headers["etag"], body) == body
    assert len(seen) == len(ways)
    (large / "another").touch()
    server.sync()
    for target, coding in ways:
        _, headers, body = server.get(target, Accept_Encoding=coding)
        assert headers["etag"] not in seen
        assert body not in seen.values()


def test_forms_of_a_path_are_one_answer(server: Server, large: Path) -> None:
    tags = {server.get(f"/tree?path={path}")[1]["etag"] for path in ("/src", "src", "src/", f"{large}/src")}
    assert len(tags) == 1


def test_who_has_it_is_told_so_until_the_clock_moves_on(server: Server, large: Path) -> None:
    _, first, _ = server.get("/tree?mode=json")
    status, headers, body = server.get("/tree?mode=json", If_None_Match=f'"other", W/{first["etag"]}')
    assert (status, body) == (304, b"")
    for name in ("etag", "vary", "cache-control", "x-smarttree-clock"):
        assert headers[name] == first[name]
    assert "content-type" not in headers
    assert server.get("/tree?mode=json", If_None_Match=first["etag"], Accept_Encoding="gzip")[0] == 200
    assert problem(server.get("/tree?mode=json", If_Match='"other"'))[:2] == (412, "precondition-failed")
    assert server.get("/tree?mode=json", If_Match=first["etag"])[0] == 200
    (large / "another").touch()
    server.sync()
    status, headers, _ = server.get("/tree?mode=json", If_None_Match=first["etag"])
    assert status == 200
    assert headers["etag"] != first["etag"]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("query", ["?mode=json", "?mode=classic&path=/src"])
def test_parts_joined_are_the_whole(server: Server, query: str, coding: str) -> None:
    _, headers, whole = server.get(f"/tree{query}", Accept_Encoding=coding)
    rng = random.Random(coding + query)
    cuts = [0, *sorted(rng.sample(range(1, len(whole)), 12)), len(whole)]
    joined = b""
    for start, stop in pairwise(cuts):
        asked = f"bytes={start}-{stop - 1 if stop < len(whole) else ''}"
        status, part, body = server.get(f"/tree{query}", Accept_Encoding=coding, Range=asked, If_Range=headers["etag"])
        assert (status, part["content-range"]) == (206, f"bytes {start}-{stop - 1}/{len(whole)}")
        assert (part["etag"], part.get("content-encoding")) == (headers["etag"], headers.get("content-encoding"))
        joined += body
    assert joined == whole


def test_parts_that_are_none(server: Server, large: Path) -> None:
    _, headers, whole = server.get("/tree?mode=json")
    refused = server.get("/tree?mode=json", Range=f"bytes={len(whole)}-")
    assert problem(refused)[:2] == (416, "range-not-satisfiable")
    assert refused[1]["content-range"] == f"bytes */{len(whole)}"
    for field in ("bytes=0-0,2-2", "bytes=5-2", "lines=1-2"):
        status, _, body = server.get("/tree?mode=json", Range=field)
        assert (status, body) == (200, whole)
    (large / "another").touch()
    server.sync()
    status, moved, body = server.get("/tree?mode=json", Range="bytes=0-9", If_Range=headers["etag"])
    assert (status, int(moved["content-length"])) == (200, len(body))  # whole: it is not what the client has a part of


@pytest.mark.parametrize("query", ["?mode=json", "?mode=json&depth=1"])
def test_head_tells_what_get_would(server: Server, query: str) -> None:
    _, told, body = server.get(f"/tree{query}")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    for method in ("HEAD", "GET", "HEAD"):  # on one connection: nothing of a body is left in it
        connection.request(method, f"/tree{query}", headers={"Range": "bytes=0-1"} if method == "HEAD" else {})
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, b"" if method == "HEAD" else body)
        headers = {name.lower(): value for name, value in response.getheaders() if name != "Date"}
        assert headers == {name: value for name, value in told.items() if name != "date"}
    connection.close()


def test_the_same_words_have_the_same_answer_until_the_clock_moves(server: Server, large: Path) -> None:
    """What is known of a request from the time before spares no check: conditions, ranges, methods, the clock."""
    target = "/tree?mode=json"
    _, headers, body = server.get(target)
    for number in range(3):
        for _ in range(2):
            status, again, same = server.get(target)
            assert (status, same, again["etag"]) == (200, body, headers["etag"])
        assert server.get(target, If_None_Match=headers["etag"])[0] == 304
        assert server.get(target, If_Match='"x"')[0] == 412
        assert server.get(target, Range="bytes=5-70005")[::2] == (206, body[5:70006])
        assert server.get(target, Accept_Encoding="gzip")[1]["content-encoding"] == "gzip"
        assert server.get(target, Accept="text/csv")[0] == 406
        assert problem(server.get(f"{target}&mode=csv"))[:2] == (400, "bad-parameter")
        (large / f"new-{number}").touch()
        _, synced, body = server.get(f"{target}&sync=1")
        assert f"new-{number}".encode() in body
        _, headers, body = server.get(target)
        assert headers["etag"] == synced["etag"]


def test_all_that_is_told_of_a_clock_is_of_that_clock(server: Server, large: Path) -> None:
    """Also where it is made without a copy of the tree: what is written meanwhile is of the next clock."""
    ended = threading.Event()

    def write() -> None:
        for number in range(100_000):
            if ended.is_set():
                return
            (large / f"new-{number}").touch()

    writer = threading.Thread(target=write)
    writer.start()
    told: dict[str, set[int]] = {}
    try:
        for _ in range(30):
            for target in ("/tree?mode=digest", "/tree?mode=json&depth=0", "/tree?mode=summary-ai", "/stats?window=1m"):
                _, headers, body = server.get(target)
                data = json.loads(body)
                told.setdefault(headers["x-smarttree-clock"], set()).add(data.get("stats", data)["files"])
                assert data["clock"] == headers["x-smarttree-clock"]
                if "text" in data and data["mode"] == "summary-ai":
                    assert f"STATS:F{data['stats']['files']:x}D" in data["text"]
    finally:
        ended.set()
        writer.join()
    assert all(len(files) == 1 for files in told.values())
    assert len(told) > 1


def test_few_words_are_remembered() -> None:
    answered: dict[tree_module.Words, tree_module.Known] = {}
    known = tree_module.Known(tree_module.Form(Clock(1, 1), b"/", "json", None, False, "identity"), '"x"', {})
    for number in range(3 * tree_module.ANSWERED_MAX):
        tree_module.keep_known(answered, (f"/tree?path={number}", (), ()), known)
        assert len(answered) <= tree_module.ANSWERED_MAX
    assert f"/tree?path={number}" in {words[0] for words in answered}


def test_many_who_ask_at_once_have_it_made_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    envelope = tree_module.envelope
    began, go_on = threading.Event(), threading.Event()

    def counted(*asked: object) -> Iterator[bytes]:
        made.append(asked)
        began.set()
        assert go_on.wait(DEADLINE_S)
        return envelope(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(tree_module, "envelope", counted)
    with ThreadPoolExecutor(20) as pool:
        asking = [pool.submit(server.get, "/tree?mode=json", Accept_Encoding="gzip") for _ in range(20)]
        assert began.wait(DEADLINE_S)
        go_on.set()
        bodies = {each.result()[2] for each in asking}
    assert (len(made), len(bodies)) == (1, 1)
    server.get("/tree?mode=json")
    server.get("/tree?mode=json", Accept_Encoding="zstd")  # from the plain one
    assert len(made) == 2


def test_a_slow_reader_gets_all_of_what_it_asked_for_while_the_clock_moves(server: Server, large: Path) -> None:
    _, _, before = server.get("/tree?mode=json")
    assert len(before) > SMALL_BYTES
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.settimeout(DEADLINE_S)
    slow.connect(("127.0.0.1", server.port))
    slow.sendall(b"GET /tree?mode=json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    got = slow.recv(1000)
    for name in ("one", "two", "three"):
        (large / name).touch()
        server.sync()
        server.get("/tree?mode=json")
    while more := slow.recv(65536):
        got += more
    slow.close()
    head, _, body = got.partition(b"\r\n\r\n")
    assert b" 200 " in head
    assert body == before


def test_a_client_that_leaves_in_the_middle_leaves_nothing(large: Path) -> None:
    open_before = descriptors()
    with Server(large) as server:
        for _ in range(5):
            leaving = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
            leaving.sendall(b"GET /tree?mode=json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert leaving.recv(100)
            leaving.close()
        assert server.get("/tree?mode=json")[0] == 200
    assert descriptors() == open_before


def test_more_than_may_live_is_not_made(server: Server, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.get("/tree?mode=json")[0] == 200
    monkeypatch.setattr(stored_module, "LIVING_BYTES", 0)
    assert server.get("/tree?mode=json")[0] == 200
    assert problem(server.get("/tree?mode=classic"))[:2] == (503, "service-unavailable")
    (large / "another").touch()
    server.sync()
    server.get("/clock")  # what was kept is let go of in the loop, at a batch
    assert server.get("/tree?mode=classic")[0] == 200


def test_json_is_not_touched(server: Server) -> None:
    _, headers, body = server.get("/tree?mode=json", Accept_Encoding="gzip, zstd")
    assert json.loads(decoded(headers, body))["mode"] == "json"


async def test_who_is_gone_before_the_body_is_begun_has_left() -> None:
    """asyncio says of that that it is a mistake of ours; a fuzzed network met it, once in some ten thousand answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    with theirs, closing(stored_module.store([bytes(SMALL_BYTES + 1)])) as body:
        transport.close()
        request = make_mocked_request("GET", "/tree", transport=transport)
        with pytest.raises(ConnectionResetError):
            await stored_module._by_kernel(request, body, Span(0, body.size))
