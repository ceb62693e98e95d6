"""An allowlist that is followed: whoever is taken out of it is sent away, wherever their stream is, and nobody else."""

from __future__ import annotations

import os
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest

from smarttree.http.access import ACCESS
from smarttree.http.limits import LIMITS
from smarttree.http.waiting import WAITING
from tests.http.server import Server
from tests.http.strangers import ONE, OTHER, Stranger, strangers, until
from tests.http.test_rest import problem

__all__ = ["strangers"]

EVENTS = "/events?events=change"
BOTH = "127.0.0.2\n127.0.0.3  # for now\n"


def rewrite(file: Path, text: str) -> None:
    draft = file.with_name("draft")
    draft.write_text(text)
    os.replace(draft, file)


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    file = tmp_path / "allowed"
    file.write_text(BOTH)
    return file


@pytest.mark.usefixtures("strangers")
def test_whoever_is_taken_out_is_sent_away(project: Path, allowed: Path, fanout: str) -> None:
    """A stream, a connection that is kept, and one that waits for an answer."""
    with Server(project, allow_file=str(allowed)) as server, ExitStack() as until_end:
        stays, goes, idle, waits = (
            until_end.enter_context(Stranger(server, address)) for address in (ONE, OTHER, OTHER, OTHER)
        )
        for stream in (stays, goes):
            stream.get(EVENTS).until(b"\nid: ")
        assert idle.get("/healthz").answer()[0] == 200
        clock = server.json("/clock")["clock"]
        waits.get(f"/changes?since={clock}&wait=300")
        until(lambda: server.app[WAITING].count == 1)
        rewrite(allowed, "127.0.0.2\n")
        goes.until_end()
        assert idle.until_end() == waits.until_end() == b""
        assert Stranger(server, OTHER).is_refused()
        (project / "news").touch()
        stays.until(b"news")
        assert b"news" not in goes.got
        until(lambda: server.app[LIMITS].streams.count == 1)


@pytest.mark.usefixtures("strangers")
def test_a_broken_file_sends_nobody_away(project: Path, allowed: Path) -> None:
    with Server(project, allow_file=str(allowed)) as server, Stranger(server) as stranger:
        stranger.get(EVENTS).until(b"\nid: ")
        allowlist = server.app[ACCESS].allowlist
        assert allowlist.file is not None
        for text in ("127.0.0.3\nmistake\n", ""):
            rewrite(allowed, text)
            assert not allowlist.file.look()
            assert not Stranger(server).is_refused()
        (project / "news").touch()
        stranger.until(b"news")


@pytest.mark.usefixtures("strangers")
def test_the_settings_and_the_file_count_together(project: Path, allowed: Path) -> None:
    rewrite(allowed, "127.0.0.2\n")
    networks = (ip_network("127.0.0.3"),)
    with Server(project, allow=networks, allow_file=str(allowed)) as server:
        assert not Stranger(server, ONE).is_refused()
        assert not Stranger(server, OTHER).is_refused()
        assert Stranger(server, "127.0.0.4").is_refused()


def test_whom_a_proxy_speaks_for_is_sent_away_and_the_proxy_is_not(project: Path, allowed: Path, fanout: str) -> None:
    rewrite(allowed, "203.0.113.0/24\n")
    with Server(project, allow_file=str(allowed), trusted_proxies=(ip_network("127.0.0.0/8"),)) as server:
        stays, goes, waits = (Stranger(server) for _ in range(3))
        clock = server.json("/clock")["clock"]
        for stream, address in ((stays, "203.0.113.1"), (goes, "203.0.113.2")):
            stream.get(EVENTS, f"X-Forwarded-For: {address}").until(b"\nid: ")
        waits.get(f"/changes?since={clock}&wait=300", "X-Forwarded-For: 203.0.113.2")
        until(lambda: server.app[WAITING].count == 1)
        rewrite(allowed, "203.0.113.1\n")
        goes.until_end()
        (project / "news").touch()
        stays.until(b"news")
        status, _, told = waits.answer()
        assert (status, told["code"]) == (403, "address-refused")
        assert problem(server.get("/clock", X_Forwarded_For="203.0.113.2"))[:2] == (403, "address-refused")
        assert server.get("/clock", X_Forwarded_For="203.0.113.1")[0] == 200
        for each in (stays, waits):
            each.close()
