"""No path of a request leads out of a root: whatever the endpoint, encoding or link, or what is swapped meanwhile."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from smarttree.http.described import description
from tests.clients.plain import DEADLINE_S
from tests.http.server import Server

SECRET = b"what no one may see"
UNSEEN = b"a name that no one may see"  # nobody asks for it by its name
NEEDLE = "line"
# How `../` has been written to get past those who look for it. Each is a path here, or none.
ENCODINGS = {
    "plain": "../",
    "percent": "%2e%2e%2f",
    "in part": "%2e./",
    "twice": "%252e%252e%252f",
    "backslash": "..%5c",
    "overlong UTF-8": "%c0%ae%c0%ae%c0%af",
    "wide": "%ef%bc%8e%ef%bc%8e%ef%bc%8f",
    "after a NUL": "%00/../",
    "doubled": "....//",
    "%u": "%u002e%u002e%u002f",
}
LINKS = {
    "up": "..",
    "file": "../secret/file",
    "root": "/",
    "of a process": "/proc/self/root",
    "of a directory": "/proc/self/cwd",
    "of a descriptor": "/proc/self/fd",
}
QUERIES = {
    "/tree": "mode=json&",
    "/events": "events=tree&mode=json&",
    "/compress": "format=gzip&",
    "/search": "q=what&",
    "/changes": "since={clock}&",
    "/stats": "",
    "/watch": "",
}
TAKING_A_PATH = sorted(
    (method.upper(), path)
    for path, methods in description()["paths"].items()
    for method, told in methods.items()
    if method != "head" and any(each["name"] == "path" for each in told["parameters"])
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """project/{file, deep/er/file, and the links}, and beside it secret/file."""
    root = tmp_path / "project"
    (root / "deep" / "er").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(SECRET)
    (tmp_path / "secret" / UNSEEN.decode()).touch()
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    return root


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    root = project.__wrapped__(tmp_path_factory.mktemp("shared"))  # type: ignore[attr-defined]
    with Server(root, bases=[root.parent / "project"]) as running:
        yield running, root


def ask(server: Server, method: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
    """The status, and what comes; of a stream what comes first."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    with closing(connection):
        connection.request(method, target, body)
        answer = connection.getresponse()
        is_stream = answer.headers.get_content_type() == "text/event-stream"
        return answer.status, answer.read1(1 << 16) if is_stream else answer.read()


def is_silent(body: bytes) -> bool:
    """Whether it tells nothing of what is outside."""
    return not any(told in body for told in (SECRET, UNSEEN, b"root:x:", b'"passwd"', b"hostname"))


def is_refused(status: int, body: bytes) -> bool:
    return status in (400, 403, 404) and is_silent(body) and json.loads(body)["code"] != "internal"


def test_every_endpoint_with_a_path_is_looked_at() -> None:
    assert {path for _, path in TAKING_A_PATH} == QUERIES.keys()


@pytest.mark.parametrize(("method", "path"), TAKING_A_PATH)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_leads_out(shared: tuple[Server, Path], method: str, path: str, encoding: str) -> None:
    server, root = shared
    up, query = ENCODINGS[encoding], QUERIES[path].format(clock=server.json("/clock")["clock"])
    for before in ("", "/", "/deep/er/", f"{root}/"):
        for steps in (1, 3):
            for goal in ("secret/file", "secret", "etc", "etc/passwd"):
                status, body = ask(server, method, f"{path}?{query}path={before}{up * steps}{goal}")
                is_nothing = path in ("/events", "/changes") and status == 200 and is_silent(body)
                assert is_nothing or is_refused(status, body), (before, steps, goal, body)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_body_and_no_address_of_a_chunk_leads_out(shared: tuple[Server, Path], encoding: str) -> None:
    server, root = shared
    up = ENCODINGS[encoding]
    for place in (f"{root}/{up}secret", f"{up}secret", f"{root}/up/secret", f"{root}/root/etc", "/etc"):
        assert is_refused(*ask(server, "POST", "/watch", json.dumps({"path": place}).encode()))
        assert is_refused(*ask(server, "DELETE", "/watch", json.dumps({"path": place}).encode()))
    for target in (f"/chunk/{up}secret", f"/{up}etc/passwd", f"//{up}secret/file"):
        assert is_refused(*ask(server, "GET", target))


@pytest.mark.parametrize(("method", "path"), TAKING_A_PATH)
@pytest.mark.parametrize("link", LINKS)
def test_no_link_is_followed(shared: tuple[Server, Path], method: str, path: str, link: str) -> None:
    server, root = shared
    query = QUERIES[path].format(clock=server.json("/clock")["clock"])
    for goal in ("", "/secret/file", "/etc/passwd", "/project/file", "/0"):
        status, body = ask(server, method, f"{path}?{query}path={root}/{link.replace(' ', '%20')}{goal}")
        is_nothing = path in ("/events", "/changes", "/tree", "/stats") and status == 200 and is_silent(body)
        assert is_nothing or is_refused(status, body), (goal, body)


@pytest.fixture
def restless() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Has something done over and over, until the test ends."""
    ended, failures = threading.Event(), []

    def over_and_over(act: Callable[[], None]) -> None:
        try:
            while not ended.is_set():
                act()
        except OSError as error:
            failures.append(error)

    threads: list[threading.Thread] = []

    def begin(act: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=over_and_over, args=(act,)))
        threads[-1].start()

    yield begin
    ended.set()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(
    "target", ["/search?q=" + NEEDLE, "/search?path=/d&q=" + NEEDLE, "/compress?format=gzip&path=/d/file"]
)
def test_a_swap_of_a_directory_and_a_link_leads_nowhere(
    project: Path, restless: Callable[[Callable[[], None]], None], target: str
) -> None:
    """The link takes the directory's place between any two steps of who reads."""
    inside, outside, kept = project / "d", project.parent / "secret", project.parent / "kept"
    inside.mkdir()
    for number in range(200):
        (inside / f"{number}").write_bytes(b"a line inside\n")
        (outside / f"{number}").write_bytes(b"a line outside: " + SECRET)
    (inside / "file").write_bytes(b"a line inside\n")
    link = project.parent / "link"
    link.symlink_to(outside)

    def swap() -> None:
        inside.rename(kept)
        link.rename(inside)
        inside.rename(link)
        kept.rename(inside)

    with Server(project) as server:
        restless(swap)
        found, deadline = 0, monotonic() + 4 * DEADLINE_S
        for number in count():
            if number >= 60 and found:
                break
            assert monotonic() < deadline
            status, body = ask(server, "GET", target)
            assert status in (200, 400, 404), body
            if target.startswith("/compress"):
                body = gzip.decompress(body) if status == 200 else b""
                assert body in (b"", b"a line inside\n")
            assert SECRET not in body
            assert b"outside" not in body
            found += b"inside" in body


def test_sockets_pipes_and_devices_are_not_opened(project: Path) -> None:
    os.mkfifo(project / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(project / "socket"))
        with Server(project) as server:
            for name in ("pipe", "socket", "root"):
                status, body = ask(server, "GET", f"/compress?format=gzip&path=/{name}")
                told: dict[str, Any] = json.loads(body)
                assert (status, told["code"]) == (400, "not-a-file")
            status, body = ask(server, "GET", "/search?q=a")
            assert (status, json.loads(body)["complete"]) == (200, True)
