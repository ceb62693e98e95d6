"""HTTPS as a user switches it on: with one's own certificate, one for this machine, and one by ACME from a real
authority (pebble), first and again, swapped under a live stream, and through what goes wrong with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import pytest

from smarttree.http.certificate import key_pem, make_key, self_signed
from tests.integration.curl import Curl
from tests.integration.process import DEADLINE_S, Process

DOMAIN = "tree.example.com"
TOKEN = "a-token-of-the-tests"
VALID_S = 9  # so that one is renewed after six


def free_port() -> int:
    """Below those that the kernel gives to whoever connects, of which one may be taken before this is used."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def write_pair(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate for localhost, and its key."""
    key = make_key()
    (directory / f"{name}.key").write_bytes(key_pem(key))
    (directory / f"{name}.pem").write_bytes(self_signed(key, datetime.now(UTC)))
    return directory / f"{name}.pem", directory / f"{name}.key"


def ask(port: int, name: str, trusted: str | None, target: str = "/clock") -> tuple[bytes, str]:
    """(status line and body, the certificate's hash) of a request with a whole handshake."""
    context = ssl.create_default_context(cadata=trusted) if trusted else ssl._create_unverified_context()
    with (
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        shown = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
        head = (f"GET {target} HTTP/1.1", f"Host: {name}", f"Authorization: Bearer {TOKEN}", "Connection: close")
        secure.sendall("".join(f"{line}\r\n" for line in (*head, "")).encode())
        told = b""
        while piece := secure.recv(65536):
            told += piece
    return told, shown


def test_ones_own_certificate_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    pem, key = write_pair(tmp_path, "mine")
    with Process(tmp_path / "tree", "--https", "--cert", pem, "--key", key) as server:
        first = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read_text())).hexdigest()
        assert ask(server.port, "localhost", pem.read_text())[1] == first
        with Curl(f"https://localhost:{server.port}/events", "--cacert", str(pem)) as stream:
            stream.until_id()
            pem.write_text("half of one")
            (tmp_path / "later").mkdir()
            other, other_key = write_pair(tmp_path / "later", "mine")
            other_key.rename(key)
            other.rename(pem)
            second = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read_text())).hexdigest()
            until(lambda: ask(server.port, "localhost", None)[1] == second)
            (tmp_path / "tree" / "news").touch()
            assert any(b"news" in block.raw for block in stream.until_id())
        assert "Traceback" not in server.log()


def test_one_for_this_machine_is_made_and_kept(tmp_path: Path) -> None:
    for _ in range(2):
        with Process(tmp_path, "--https", "--no-state") as server:
            assert server.first_line.startswith(b"certificate for localhost, signed by nobody: SHA-256 ")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_what_is_old_is_refused_and_what_is_no_tls_too(tmp_path: Path, version: ssl.TLSVersion) -> None:
    (tmp_path / "tree").mkdir()
    pem, key = write_pair(tmp_path, "mine")
    with Process(tmp_path / "tree", "--https", "--cert", pem, "--key", key) as server:
        old = ssl._create_unverified_context()
        old.minimum_version = old.maximum_version = version
        old.set_ciphers("ALL:@SECLEVEL=0")
        connected = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S)
        with connected as plain, pytest.raises(ssl.SSLError):
            old.wrap_socket(plain, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE_S) as plain:
            plain.sendall(b"GET /clock HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"clock" not in plain.recv(1000)
        assert b"clock" in ask(server.port, "localhost", pem.read_text())[0]
        assert "Traceback" not in server.log()


def until(condition: object) -> None:
    deadline = monotonic() + 3 * DEADLINE_S
    while not condition():  # type: ignore[operator]
        assert monotonic() < deadline


class Authority:
    """A pebble with a name server that knows one address. `start` and `kill` it at will."""

    def __init__(self, directory: Path) -> None:
        for program in ("pebble", "pebble-challtestsrv"):
            if shutil.which(program) is None:
                pytest.fail(f"{program} is missing: run `make system-packages`", pytrace=False)
        self.ports = [free_port() for _ in range(4)]
        self.pem, key = write_pair(directory, "authority")
        self.directory = directory
        listen, manage, challenge, _ = self.ports
        self.challenge_port = challenge
        config = {
            "listenAddress": f"127.0.0.1:{listen}",
            "managementListenAddress": f"127.0.0.1:{manage}",
            "certificate": str(self.pem),
            "privateKey": str(key),
            "httpPort": challenge,
            "tlsPort": challenge,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": VALID_S,
        }
        (directory / "pebble.json").write_text(json.dumps({"pebble": config}))
        self.url = f"https://localhost:{listen}/dir"
        self._names = self._run(
            "pebble-challtestsrv", "-defaultIPv6", "", "-defaultIPv4", "127.0.0.1", "-http01", "", "-https01", "",
            "-tlsalpn01", "", "-dns01", f"127.0.0.1:{self.ports[3]}", "-management", f"127.0.0.1:{free_port()}",
        )  # fmt: skip
        self._pebble: subprocess.Popen[bytes] | None = None

    def _run(self, *command: str, **environ: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{command[0]}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environ})

    def start(self, **environ: str) -> None:
        self.kill()
        self._pebble = self._run(
            "pebble", "-config", str(self.directory / "pebble.json"), "-dnsserver", f"127.0.0.1:{self.ports[3]}",
            **{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", **environ},
        )  # fmt: skip
        until(lambda: is_open(self.ports[0]) and is_open(self.ports[1]))

    def root(self) -> str:
        """The certificate of whoever signs, which is another one at each start."""
        told = subprocess.run(
            ["curl", "-q", "-sS", "--cacert", str(self.pem), f"https://localhost:{self.ports[1]}/roots/0"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return told.stdout

    def kill(self) -> None:
        if self._pebble is not None:
            self._pebble.kill()
            self._pebble.wait()

    def close(self) -> None:
        self.kill()
        self._names.kill()
        self._names.wait()


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    (tmp_path / "authority").mkdir()
    made = Authority(tmp_path / "authority")
    try:
        yield made
    finally:
        made.close()


@contextmanager
def serving(tmp_path: Path, authority: Authority) -> Iterator[Process]:
    (tmp_path / "tree").mkdir(exist_ok=True)
    arguments = ("--https", "--domain", DOMAIN, "--acme-directory", authority.url, "--acme-ca-file", authority.pem)
    more = ("--acme-http-port", str(authority.challenge_port), "--acme-retry-s", "0.3", "--auth-token", TOKEN, "-v")
    with Process(tmp_path / "tree", *arguments, *more, "--state", tmp_path / "state") as server:
        yield server
        assert "Traceback" not in server.log(), server.log()


def is_signed(server: Process, root: str) -> bool:
    try:
        return b" 200 " in ask(server.port, DOMAIN, root)[0]
    except ssl.SSLError:
        return False


def test_a_certificate_is_signed_renewed_under_a_stream_and_kept(tmp_path: Path, authority: Authority) -> None:
    authority.start()
    root = authority.root()
    (tmp_path / "root.pem").write_text(root)
    with serving(tmp_path, authority) as server, ExitStack() as until_end:
        until(lambda: is_signed(server, root))
        first = ask(server.port, DOMAIN, root)[1]
        options = ("--cacert", str(tmp_path / "root.pem"), "--resolve", f"{DOMAIN}:{server.port}:127.0.0.1")
        url = f"https://{DOMAIN}:{server.port}/events"
        stream = until_end.enter_context(Curl(url, *options, "-H", f"Authorization: Bearer {TOKEN}"))
        stream.until_id()
        number = 0
        deadline = monotonic() + 3 * DEADLINE_S
        while number < 3 or ask(server.port, DOMAIN, None)[1] == first:
            assert monotonic() < deadline
            (tmp_path / "tree" / f"file-{number}").touch()
            assert any(f"file-{number}".encode() in block.raw for block in stream.until_id())
            number += 1
        assert is_signed(server, root)
        plain = subprocess.run(
            ["curl", "-q", "-sS", "-o", "-", "-w", "%{http_code} %{redirect_url}", "-H", f"Host: {DOMAIN}",
             f"http://127.0.0.1:{authority.challenge_port}/tree?x=1"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert plain.stdout == f"308 https://{DOMAIN}:{server.port}/tree?x=1"
        last = ask(server.port, DOMAIN, None)[1]
    kept = tmp_path / "state" / "tls"
    assert {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}
    authority.kill()  # nobody to ask
    with serving(tmp_path, authority) as server:
        assert ask(server.port, DOMAIN, None)[1] == last  # over by now, perhaps, and still the best there is


@pytest.mark.parametrize("trouble", [{"PEBBLE_WFE_NONCEREJECT": "20"}, {"PEBBLE_AUTHZREUSE": "100"}])
def test_a_difficult_authority_is_asked_until_it_signs(
    tmp_path: Path, authority: Authority, trouble: dict[str, str]
) -> None:
    """It is down at first; then it loses nonces, or needs no proof any more."""
    with serving(tmp_path, authority) as server:
        until(lambda: "trying again" in server.log())
        assert b" 200 " in ask(server.port, DOMAIN, None)[0]  # by the certificate that nobody signed
        authority.start(**trouble)
        until(lambda: is_signed(server, authority.root()))
        first = ask(server.port, DOMAIN, None)[1]
        until(lambda: ask(server.port, DOMAIN, None)[1] != first)
        until(lambda: is_signed(server, authority.root()))


class Nonsense(BaseHTTPRequestHandler):
    """What answers, but is no authority."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Nobody needs to read it."""


def test_an_authority_that_makes_no_sense_is_asked_again(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Nonsense) as nonsense:
        threading.Thread(target=nonsense.serve_forever, daemon=True).start()
        (tmp_path / "tree").mkdir()
        url = f"http://127.0.0.1:{nonsense.server_port}/dir"
        arguments = ("--https", "--domain", DOMAIN, "--acme-directory", url, "--acme-http-port", str(free_port()))
        more = ("--acme-retry-s", "0.1", "--auth-token", TOKEN, "--state", tmp_path / "state")
        with Process(tmp_path / "tree", *arguments, *more) as server:
            until(lambda: server.log().count("trying again") >= 2)
            assert b" 200 " in ask(server.port, DOMAIN, None)[0]
            refused = send(int(arguments[-1]), b"GET /secret HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
            assert refused.startswith(b"HTTP/1.0 400 ")
            assert "Traceback" not in server.log()
        nonsense.shutdown()


def send(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as plain:
        plain.sendall(data)
        return plain.recv(65536)
