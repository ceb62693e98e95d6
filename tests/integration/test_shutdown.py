"""Signals: within a second, exit status 0, nothing left behind; whatever the server is doing at that moment."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.clients.plain import Stream, get_json
from tests.integration.edits import grow
from tests.integration.process import COMMAND, DEADLINE_S, PROJECT, SERVE, Process

SIGNALS = [signal.SIGINT, signal.SIGTERM]
CARRIERS = ["reactor", "loop"]


def assert_orderly(server: Process, *numbers: signal.Signals) -> None:
    status, seconds = server.end(*numbers)
    assert status == 0, server.log()
    assert seconds < 1.0
    assert "Traceback" not in server.log()
    assert "ERROR" not in server.log()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


@pytest.mark.parametrize("number", SIGNALS)
def test_in_the_middle_of_the_first_scan(linux: Path, number: signal.Signals) -> None:
    """The port is told while the scan runs, so a signal sent at once, or a little later, falls into the scan: on one
    processor, where the HTTP server takes its time to load.
    """
    interrupted = 0
    for entries in (0, 1, 50_000, 100_000):
        with Process(linux, "/usr", "--scan-threads", "1", command=("taskset", "--cpu-list", "0", *SERVE)) as server:
            while entries and scanned(server) < entries:
                pass
            interrupted += scanned(server) < float("inf")
            assert_orderly(server, number)
    assert interrupted


def scanned(server: Process) -> float:
    """The entries that the scan has told of so far; endless when it is over."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as connection:
        connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    found = re.search(rb'"entries":\s*(\d+)', answer)
    return int(found[1]) if found and b" 503 " in answer.partition(b"\r\n")[0] else float("inf")


@pytest.mark.parametrize("number", SIGNALS)
def test_with_clients_that_wait_for_the_first_scan(linux: Path, number: signal.Signals) -> None:
    with Process(linux, "--scan-threads", "1") as server, ExitStack() as streams:
        for _ in range(3):
            stream = Stream(f"{server.url}/events")
            streams.callback(stream.close)
        assert_orderly(server, number)


def test_with_a_large_opening_half_sent(linux: Path) -> None:
    with Process(linux) as server, ExitStack() as stalled:
        server.await_ready()
        for _ in range(20):
            stuck = socket.socket()
            stalled.callback(stuck.close)
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stuck.connect(("127.0.0.1", server.port))
            stuck.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert stuck.recv(1)
        assert_orderly(server, signal.SIGTERM)


def test_with_a_large_document_being_made(linux: Path) -> None:
    with Process(linux) as server, ExitStack() as asked:
        server.await_ready()
        for mode in ("json", "classic", "quantum"):
            connection = socket.create_connection(("127.0.0.1", server.port))
            asked.callback(connection.close)
            connection.sendall(f"GET /tree?mode={mode} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert_orderly(server, signal.SIGTERM)


@pytest.mark.parametrize("fanout", CARRIERS)
def test_with_hundreds_of_clients(tmp_path: Path, fanout: str) -> None:
    grow(tmp_path)
    with Process(tmp_path, "--fanout", fanout) as server, ExitStack() as streams:
        for _ in range(300):
            stream = Stream(f"{server.url}/events")
            streams.callback(stream.close)
            assert stream.frame() is not None
        assert_orderly(server, signal.SIGINT)


@contextmanager
def busy(root: Path) -> Iterator[threading.Event]:
    """Files that come and go below `root`, as fast as one thread can, while the context lasts; set once it began."""
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        number = 0
        while not ended.is_set():
            path = root / f"busy{number % 50}"
            path.write_bytes(b"x" * (number % 100))
            if number % 3 == 0:
                path.unlink()
            number += 1
            if number == 100:
                begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(DEADLINE_S)
        yield begun
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(("number", "fanout"), [*zip(SIGNALS, CARRIERS, strict=True)])
def test_in_the_middle_of_changes_with_barriers_asked_for(tmp_path: Path, number: signal.Signals, fanout: str) -> None:
    with Process(tmp_path, "--batch-ms", "1000", "--fanout", fanout) as server, busy(tmp_path), ExitStack() as asked:
        stream = Stream(f"{server.url}/events")
        asked.callback(stream.close)
        assert stream.frame() is not None
        get_json(f"{server.url}/clock?sync=1")
        for _ in range(20):
            connection = socket.create_connection(("127.0.0.1", server.port))
            asked.callback(connection.close)
            connection.sendall(b"GET /clock?sync=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert_orderly(server, number)


@pytest.mark.parametrize("numbers", [SIGNALS, SIGNALS[::-1], [signal.SIGINT] * 2, [signal.SIGTERM] * 5])
def test_more_signals_than_one_end_it_at_once(linux: Path, numbers: list[signal.Signals]) -> None:
    """0 where the orderly end was reached before; else the signal's own, without a word."""
    for ready in (False, True):
        with Process(linux) as server:
            if ready:
                server.await_ready()
            status, seconds = server.end(*numbers)
            assert status in (0, *(-number for number in numbers)), server.log()
            assert seconds < 1.0
            assert "Traceback" not in server.log()


def test_a_second_signal_ends_what_the_first_could_not(tmp_path: Path) -> None:
    """The process is stopped between the two, so both are there when it goes on: the second is not swallowed."""
    with Process(tmp_path) as server:
        server.await_ready()
        server.popen.send_signal(signal.SIGSTOP)
        server.popen.send_signal(signal.SIGINT)
        server.popen.send_signal(signal.SIGTERM)
        server.popen.send_signal(signal.SIGCONT)
        start = monotonic()
        assert server.popen.wait(DEADLINE_S) in (0, -signal.SIGINT, -signal.SIGTERM)
        assert monotonic() - start < 1.0
        assert "Traceback" not in server.log()


def test_the_port_is_free_again_at_once(tmp_path: Path) -> None:
    with Process(tmp_path) as server:
        stream = Stream(f"{server.url}/events")
        assert stream.frame() is not None
        assert_orderly(server, signal.SIGTERM)
        stream.close()
        port = str(server.port)
    with Process(tmp_path, "--port", port) as again:
        assert again.port == int(port)
        assert_orderly(again, signal.SIGTERM)


def test_control_c_at_a_terminal(linux: Path) -> None:
    """In the first scan, while its progress is drawn: status 0, no traceback, and the cursor is back."""
    leader, follower = pty.openpty()
    command = [*COMMAND, "--serve", str(linux), "--port", "0", "--scan-threads", "1"]
    # A session of its own with the terminal as its controlling one, so that the terminal itself makes the SIGINT.
    takes_terminal = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", takes_terminal, *command],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "PYTHONPATH": PROJECT, "TERM": "xterm"},
        start_new_session=True,
    )
    os.close(follower)
    try:
        shown = read_terminal(leader, rb"serving [^\r\n]* on http://localhost:\d+")
        os.write(leader, b"\x03")
        start = monotonic()
        shown += read_terminal(leader, None)
        assert process.wait(DEADLINE_S) == 0, shown
        assert monotonic() - start < 1.0
    finally:
        process.kill()
        process.wait()
        os.close(leader)
    assert b"Traceback" not in shown
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h")


def read_terminal(leader: int, wanted: bytes | None) -> bytes:
    """What is shown, until `wanted` is (None: until nobody holds the terminal any more)."""
    shown, deadline = b"", monotonic() + DEADLINE_S
    while wanted is None or not re.search(wanted, shown):
        assert select.select([leader], [], [], max(0.0, deadline - monotonic()))[0], shown
        try:
            shown += os.read(leader, 1 << 16)
        except OSError:  # EIO is a terminal's end of file
            assert wanted is None, shown
            break
    return shown
