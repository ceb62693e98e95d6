"""The server as a process: its ports, its first line, its signals and its exit statuses."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from smarttree.cli.serve import serve
from smarttree.config import HttpConfig, LogConfig, ServiceConfig
from smarttree.errors import SmarttreeError
from tests.clients.plain import Stream, get_json

DEADLINE_S = 20.0


class Process:
    """`python -m smarttree --serve`, with its URL once it has told it."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "smarttree", "--serve", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        found = re.search(r"http://localhost:(\d+)", self.first_line)
        self.port = int(found[1]) if found else 0
        self.url = f"http://127.0.0.1:{self.port}"

    def end(self, number: signal.Signals) -> tuple[int, float, str]:
        """Sends a signal; returns the exit status, how long it took, and what is on standard error."""
        start = monotonic()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, monotonic() - start, errors


@contextmanager
def serving(*arguments: str) -> Iterator[Process]:
    started = Process(*arguments)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.communicate()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smarttree", "--serve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


def test_it_tells_where_it_is(project: Path) -> None:
    with serving(str(project), "--port", "0") as server:
        assert server.first_line == f"serving {project} on http://localhost:{server.port}\n"
        assert get_json(f"{server.url}/healthz")["status"] == "ok"


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists(), reason="no IPv6 here")
def test_both_loopback_addresses_answer(project: Path) -> None:
    with serving(str(project), "--port", "0") as server:
        assert get_json(f"http://[::1]:{server.port}/healthz")["status"] == "ok"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_a_second_with_clients_connected(project: Path, number: signal.Signals) -> None:
    with serving(str(project), "--port", "0") as server:
        streams = [Stream(f"{server.url}/events") for _ in range(5)]
        for stream in streams:
            assert stream.frame() is not None
            stream.parser.retry_ms = None
        idle = socket.create_connection(("127.0.0.1", server.port))
        status, seconds, errors = server.end(number)
        assert status == 0, errors
        assert seconds < 1.0
        assert "Traceback" not in errors
        for stream in streams:
            while stream.frame() is not None:
                pass
            assert stream.parser.retry_ms is not None
            stream.close()
        idle.close()


def test_a_signal_ends_it_without_clients_too(project: Path) -> None:
    with serving(str(project), "--port", "0") as server:
        status, seconds, errors = server.end(signal.SIGTERM)
        assert (status, seconds < 1.0) == (0, True), errors


def test_a_client_that_reads_nothing_does_not_hold_the_end_up(project: Path) -> None:
    for number in range(3000):
        (project / f"{number:04d}{'x' * 200}").touch()
    with serving(str(project), "--port", "0") as server:
        stream = Stream(f"{server.url}/events?mode=classic")
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", server.port))
        raw.sendall(b"GET /events?mode=json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stream.frame() is not None
        status, seconds, errors = server.end(signal.SIGINT)
        assert (status, seconds < 1.0) == (0, True), errors
        raw.close()
        stream.close()


def test_a_port_in_use_is_told_before_anything_is_scanned(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run(str(project), "--port", str(port))
    assert result.returncode == 2
    assert str(port) in result.stderr
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("garbage", [b"not http at all", b"\x16\x03\x01, as TLS begins"])
def test_garbage_costs_a_line_at_most_and_not_a_traceback(garbage: bytes, project: Path) -> None:
    with serving(str(project), "--port", "0") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as raw:
            raw.sendall(garbage + b"\r\n\r\n")
            assert raw.recv(1 << 16).startswith(b"HTTP/1.0 400")
        status, _, errors = server.end(signal.SIGTERM)
        assert status == 0
        assert "Traceback" not in errors
        assert len(errors.splitlines()) <= 3  # two tell of the start


def test_a_second_signal_ends_it_at_once(project: Path) -> None:
    for number in range(3000):
        (project / f"{number:04d}{'x' * 200}").touch()
    with serving(str(project), "--port", "0") as server:
        stream = Stream(f"{server.url}/events?events=message")
        assert stream.frame() is not None
        stalled = socket.socket()  # holds the orderly end up for a quarter of a second
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(("127.0.0.1", server.port))
        stalled.sendall(b"GET /events?mode=json HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stalled.recv(1)
        server.process.send_signal(signal.SIGINT)
        while stream.frame() is not None:
            pass
        status, seconds, errors = server.end(signal.SIGINT)
        assert status in (-signal.SIGINT, 0)  # 0: the end was reached before the second signal
        assert seconds < 1.0
        assert "Traceback" not in errors
        stalled.close()
        stream.close()


def test_a_service_that_fails_ends_the_server_with_its_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SmarttreeError) as caught:
        serve(ServiceConfig(roots=(bytes(project / "README.md"),)), HttpConfig(port=0), log=LogConfig(verbosity=-1))
    assert caught.value.exit_status != 0
    assert capsys.readouterr().out.startswith("serving ")


def test_a_server_begins_without_numpy() -> None:
    """It takes 0.1 s to load, beside the first scan, and is needed for /stats alone."""
    code = "import sys, smarttree.cli.serve, smarttree.http.app; sys.exit('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
