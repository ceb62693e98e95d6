"""An authority that has had enough of us for a while: it is asked again when it says, and until then nobody notices."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

from tests.integration.test_https import DOMAIN, Authority, ask, authority, is_signed, serving, until

__all__ = ["authority"]  # a fixture

LIMITED = "urn:ietf:params:acme:error:rateLimited"
WAIT_S = 3
PASSED_ON = ("Content-Type", "Replay-Nonce", "Location", "Link", "Retry-After")


class Limiting(ThreadingHTTPServer):
    """A proxy before an authority. The first time that a certificate is ordered, that is too much for WAIT_S."""

    daemon_threads = True

    def __init__(self, behind: Authority) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.behind_port = behind.ports[0]
        self.trusted = ssl.create_default_context(cafile=str(behind.pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(behind.pem, behind.pem.with_suffix(".key"))
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.refused_at: float | None = None
        self.asked_after_s: list[float] = []


class Passing(BaseHTTPRequestHandler):
    server: Limiting

    def do_GET(self) -> None:
        refused_at = self.server.refused_at
        if refused_at is not None:
            self.server.asked_after_s.append(monotonic() - refused_at)
        elif "order" in self.path:
            self.server.refused_at = monotonic()
            self._answer(429, [("Content-Type", "application/problem+json"), ("Retry-After", str(WAIT_S))], told())
            return
        self._pass_on(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_HEAD = do_POST = do_GET

    def _pass_on(self, body: bytes) -> None:
        """With the name by which we were called: it makes addresses of that."""
        link = http.client.HTTPSConnection("localhost", self.server.behind_port, context=self.server.trusted)
        link.request(self.command, self.path, body, dict(self.headers))
        answer = link.getresponse()
        found = [(name, value) for name in PASSED_ON for value in answer.headers.get_all(name, [])]
        self._answer(answer.status, found, answer.read())
        link.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def log_message(self, *_: object) -> None:
        """Nobody needs to read it."""


def told() -> bytes:
    return json.dumps({"type": LIMITED, "detail": "too many certificates already", "status": 429}).encode()


@contextmanager
def limiting(behind: Authority) -> Iterator[Limiting]:
    with Limiting(behind) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        behind.url = f"https://localhost:{proxy.server_port}/dir"
        yield proxy
        proxy.shutdown()


def test_a_limit_is_told_once_and_kept_to(tmp_path: Path, authority: Authority) -> None:
    authority.start()
    with limiting(authority) as proxy, serving(tmp_path, authority) as server:
        until(lambda: "trying again" in server.log())
        assert b" 200 " in ask(server.port, DOMAIN, None)[0]  # by the certificate that nobody signed
        until(lambda: is_signed(server, authority.root()))
        tries = [line for line in server.log().splitlines() if "trying again" in line]
        assert len(tries) == 1, tries
        assert "too many certificates already" in tries[0]
        assert min(proxy.asked_after_s) >= WAIT_S - 0.1
