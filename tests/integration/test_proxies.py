"""nginx and Caddy before a server, configured by the very text of docs/deploy.md: a stream comes at once, is gone on
with, and the server knows who is asking.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest

from smarttree.http.certificate import key_pem, make_key, self_signed
from tests.integration.curl import Curl
from tests.integration.process import DEADLINE_S, Process
from tests.integration.test_https import free_port
from tests.nursery import PROJECT
from tests.toolchains import tool

PAGE = Path(PROJECT, "docs", "deploy.md").read_text()
TOKEN = "a-token-of-the-tests"
SOON_S = 5.0  # a heartbeat comes after 15: what is held back would come with that
CLIENT = "127.0.0.7"


def on_the_page(language: str) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)
    return str(text)


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    key = make_key()
    (tmp_path / "tree.key").write_bytes(key_pem(key))
    (tmp_path / "tree.pem").write_bytes(self_signed(key, datetime.now(UTC)))
    return tmp_path / "tree.pem", tmp_path / "tree.key"


@contextmanager
def nginx(directory: Path, pair: tuple[Path, Path], port: int, behind: int) -> Iterator[None]:
    program = tool("nginx", "/usr/sbin/nginx")
    site = replaced(
        on_the_page("nginx"),
        ("127.0.0.1:8973", f"127.0.0.1:{behind}"),
        ("listen 443", f"listen {port}"),
        ("/etc/ssl/tree.pem", str(pair[0])),
        ("/etc/ssl/tree.key", str(pair[1])),
    )
    places = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy"))
    places += "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in ("fastcgi", "uwsgi", "scgi"))
    (directory / "nginx.conf").write_text(
        f"daemon off; pid {directory}/pid; error_log {directory}/errors;\n{'user root;' if os.geteuid() == 0 else ''}\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}{site}}}\n"
    )
    with running([program, "-p", str(directory), "-c", str(directory / "nginx.conf")], port):
        yield


@contextmanager
def caddy(directory: Path, pair: tuple[Path, Path], port: int, behind: int) -> Iterator[None]:
    site = replaced(
        on_the_page("caddyfile"),
        ("127.0.0.1:8973", f"127.0.0.1:{behind}"),
        ("tree.example.com {", f"https://localhost:{port} {{\n\ttls {pair[0]} {pair[1]}"),
    )
    (directory / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    command = [tool("caddy"), "run", "--config", str(directory / "Caddyfile"), "--adapter", "caddyfile"]
    with running(command, port, HOME=str(directory), XDG_DATA_HOME=str(directory), XDG_CONFIG_HOME=str(directory)):
        yield


@contextmanager
def running(command: list[str], port: int, **environ: str) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **environ}, stderr=subprocess.DEVNULL)
    try:
        deadline = monotonic() + DEADLINE_S
        while subprocess.run(["curl", "-q", "-sk", f"https://localhost:{port}/"], capture_output=True).returncode:
            assert process.poll() is None, "the proxy has ended"
            assert monotonic() < deadline
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_S)


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_behind_a_proxy(tmp_path: Path, pair: tuple[Path, Path], proxy: object) -> None:
    (tmp_path / "tree").mkdir()
    arguments = ["--auth-token-file", str(tmp_path / "tokens"), "--trusted-proxy", "127.0.0.1,::1", "--access-log"]
    (tmp_path / "tokens").write_text(f"reader read {TOKEN}\n")
    port = free_port()
    with (
        Process(tmp_path / "tree", *arguments) as server,
        proxy(tmp_path, pair, port, server.port),  # type: ignore[operator]
    ):
        options = ["--http2", "--cacert", str(pair[0]), "-H", f"Authorization: Bearer {TOKEN}", "--interface", CLIENT]
        options += ["-H", "X-Forwarded-For: 203.0.113.9", "-4", "--resolve", f"tree.example.com:{port}:127.0.0.1"]
        events = f"https://localhost:{port}/events"
        with Curl(events, *options) as stream:
            assert stream.status.strip() == "HTTP/2 200"
            began = monotonic()
            opening = stream.until_id()
            assert any(block.event == "tree" for block in opening)
            (tmp_path / "tree" / "news").touch()
            told = stream.until_id()
            assert any(b"news" in block.raw for block in told)
            assert monotonic() - began < SOON_S, "it was held back"
            clock = told[-1].value("id")
        (tmp_path / "tree" / "later").touch()
        with Curl(events, *options, "-H", f"Last-Event-ID: {clock}") as stream:
            told = stream.until_id()
            assert not any(block.event == "tree" for block in told if "event" in block.names)
            assert any(b"later" in block.raw for block in told)
        wrong = ["curl", "-q", "-sS", *options[:4], "--interface", CLIENT, "-4", f"https://localhost:{port}/clock"]
        assert b"token-required" in subprocess.run([w for w in wrong if w != "-H"], capture_output=True).stdout
        await_line(server, f" {CLIENT}")
        assert "203.0.113.9" not in server.log()


def await_line(server: Process, text: str) -> None:
    deadline = monotonic() + DEADLINE_S
    while text not in server.log():
        assert monotonic() < deadline, server.log()
