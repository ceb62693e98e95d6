"""A shelf of stored answers: each made once, kept within a bound, sent whole to whoever was lent it, however slow."""

from __future__ import annotations

import asyncio
import errno
import http.client
import os
import random
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from smarttree.errors import SystemLimit
from smarttree.http.stored import SMALL_BYTES, Shelf, answer, store
from tests.clients.plain import DEADLINE_S


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def body_of(size: int) -> list[bytes]:
    return [bytes([number % 251]) * min(1000, size - at) for number, at in enumerate(range(0, size, 1000))]


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 10 * SMALL_BYTES + 7])
def test_a_body_is_its_pieces(size: int) -> None:
    whole = b"".join(body_of(size))
    body = store(body_of(size))
    assert (body.size, body.fileno() >= 0) == (size, size > SMALL_BYTES)
    assert b"".join(body.pieces()) == whole
    assert body.read(size // 3, size // 2) == whole[size // 3 : size // 2]


def test_its_file_is_closed_when_nobody_holds_it() -> None:
    before = descriptors()
    bodies = [store(body_of(10 * SMALL_BYTES)) for _ in range(5)]
    lent = [body.lend() for body in bodies]
    assert descriptors() == before + 15  # of each body its own, the lent one's, and the mapping's
    bodies.clear()
    assert descriptors() == before + 10
    for each in lent:
        assert each.read(0, 5) == bytes(5)
        each.close()
        each.close()
    assert descriptors() == before


def test_a_body_that_fails_halfway_leaves_no_file() -> None:
    def failing() -> Iterator[bytes]:
        yield from body_of(10 * SMALL_BYTES)
        raise OSError("failed")

    before = descriptors()
    with pytest.raises(OSError, match="failed"):
        store(failing())
    assert descriptors() == before


async def test_a_shelf_keeps_so_many_bytes_and_the_newest() -> None:
    shelf = Shelf(100)
    for number in range(20):
        await shelf.lend(number, lambda: body_of(30))
        await shelf.lend(0, lambda: pytest.fail("the one that is used most was dropped"))
    assert shelf.nbytes == 90
    assert (await shelf.lend("large", lambda: body_of(1000))).size == shelf.nbytes == 1000
    shelf.clear()
    assert shelf.is_empty


async def test_what_is_made_for_a_clock_that_has_passed_is_not_kept() -> None:
    shelf = Shelf(100)
    gate = threading.Event()

    def waiting() -> Iterable[bytes]:
        assert gate.wait(DEADLINE_S)
        return [b"x"]

    getting = asyncio.ensure_future(shelf.lend("old", waiting))
    await asyncio.sleep(0)
    shelf.clear()
    gate.set()
    assert (await getting).read(0, 1) == b"x"
    assert shelf.is_empty


async def test_a_failure_is_told_to_all_who_wait_and_to_nobody_after() -> None:
    shelf = Shelf(100)

    def failing() -> Iterable[bytes]:
        raise ValueError("failed")

    told = await asyncio.gather(*(shelf.lend("it", failing) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in told] == [ValueError] * 3
    assert (await shelf.lend("it", lambda: [b"x"])).size == 1


async def test_what_there_is_no_room_for_is_no_bug() -> None:
    def failing() -> Iterator[bytes]:
        yield from body_of(2 * SMALL_BYTES)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SystemLimit, match="No space left"):
        await Shelf(100).lend("it", failing)


async def test_at_the_end_nothing_more_is_made() -> None:
    shelf = Shelf(100)
    began = threading.Event()

    def endless() -> Iterator[bytes]:
        while True:
            began.set()
            yield b"x"

    getting = asyncio.ensure_future(shelf.lend("endless", endless))
    await asyncio.to_thread(began.wait, DEADLINE_S)
    shelf.close()
    with pytest.raises(ConnectionAbortedError):
        await getting


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    subprocess.run([*command.split(), "-keyout", path, "-out", path], check=True, capture_output=True)
    return path


@asynccontextmanager
async def serving(shelf: Shelf, pieces: list[bytes], context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server of one stored answer."""

    async def handler(request: web.Request) -> web.StreamResponse:
        body = await shelf.lend("it", lambda: pieces)
        return await answer(request, '"tag"', {"Content-Type": "text/plain"}, body)

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def test_a_slow_reader_gets_all_of_it_when_it_is_long_forgotten() -> None:
    before, shelf = descriptors(), Shelf(0)
    pieces = [random.Random(number).randbytes(1 << 20) for number in range(20)]  # more than any socket's buffers

    def take(slow: socket.socket) -> bytes:
        got = b""
        while more := slow.recv(1 << 20):
            got += more
        return got

    async with serving(shelf, pieces) as port:
        slow = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port), DEADLINE_S)
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = await asyncio.to_thread(slow.recv, 1000)
        shelf.clear()
        pieces[:] = [b"new"]
        assert (await shelf.lend("it", lambda: pieces)).size == 3
        got += await asyncio.to_thread(take, slow)
        slow.close()
    wanted = b"".join(random.Random(number).randbytes(1 << 20) for number in range(20))
    assert got.partition(b"\r\n\r\n")[2] == wanted
    assert descriptors() == before


async def test_over_tls_it_is_written(certificate: Path) -> None:
    """The kernel can't encrypt a file; several read the same body at a time."""
    pieces = body_of(50 * SMALL_BYTES)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with serving(Shelf(1 << 30), pieces, context) as port:

        def fetch() -> bytes:
            trusting = ssl.create_default_context(cafile=str(certificate))
            trusting.check_hostname = False
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=DEADLINE_S, context=trusting)
            connection.request("GET", "/")
            got = connection.getresponse().read()
            connection.close()
            return got

        for got in await asyncio.gather(*(asyncio.to_thread(fetch) for _ in range(4))):
            assert got == b"".join(pieces)
