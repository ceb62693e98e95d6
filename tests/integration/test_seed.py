"""The seed's own lines, as written: each command line serves, or says that what it asks for is not available yet.

`st` is the running interpreter's `python -m smarttree`, on a PATH of the test's own; paths of the seed that no machine
has are replaced by the test's, nothing else is.
"""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smarttree import marqant
from tests.clients.plain import get, get_json
from tests.integration.process import DEADLINE_S, PROJECT, Process

DEFAULT_PORT = 8973

SERVES = {
    "st --serve /path/to/watch": (DEFAULT_PORT, "/path/to/watch"),
    "st --serve /path/to/watch --port 3000 --mode quantum": (3000, "/path/to/watch"),
    "st --serve /project1 /project2 --mode summary-ai": (DEFAULT_PORT, "/project1", "/project2"),
    'st --serve . --cors "*" --compress': (DEFAULT_PORT, ""),
    "st --serve . --auth-token $SECRET_TOKEN": (DEFAULT_PORT, ""),
    'st --serve . --allow "192.168.1.0/24,10.0.0.0/8"': (DEFAULT_PORT, ""),
}
ENCRYPTED = "st --serve . --https --domain tree.example.com"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where the seed's paths are: path/to/watch, project1, project2, project/src/main.rs; and bin/st."""
    for name in ("path/to/watch", "project1", "project2", "project/src", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "project" / "src" / "main.rs").write_bytes(b"fn main() {}\n")
    (tmp_path / "project" / "src" / "file.md").write_bytes(b"# a file\n")
    (tmp_path / "bin" / "st").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m smarttree "$@"\n')
    (tmp_path / "bin" / "st").chmod(0o755)
    return tmp_path


def in_shell(line: str, here: Path) -> list[str]:
    """The line as a shell's command."""
    for path in ("/path/to/watch", "/project1", "/project2"):
        line = line.replace(path, f"{here}{path}")
    environ = f"PATH={here}/bin:$PATH PYTHONPATH={shlex.quote(PROJECT)} SECRET_TOKEN=secret"
    return ["/bin/sh", "-c", f"unset SMARTTREE_PORT; cd {here}; export {environ}; exec {line}"]


@pytest.mark.parametrize(("line", "what"), SERVES.items())
def test_a_command_line_of_the_seed_serves(line: str, what: tuple[int, *tuple[str, ...]], here: Path) -> None:
    """On the port that it names; where somebody else has that, the refusal names it."""
    port, *paths = what
    with Process(command=in_shell(line, here)) as server:
        if not server.first_line:
            assert server.popen.wait(DEADLINE_S) == 2
            assert f"port {port} is in use" in server.log()
            return
        assert (
            server.first_line.decode()
            == f"serving {' '.join(f'{here}{path}' for path in paths)} on http://localhost:{port}\n"
        )
        assert get_json(f"http://localhost:{port}/healthz")["status"] == "ok"
        assert server.end(signal.SIGINT)[0] == 0


def test_the_encrypted_one_serves_too(here: Path) -> None:
    """With a token that it prints once, and by a certificate that nobody signed as long as no authority is reached."""
    with Process(command=in_shell(f"{ENCRYPTED} --acme-directory https://localhost:1/dir", here)) as server:
        if not server.first_line:
            assert server.popen.wait(DEADLINE_S) == 2
            assert "is in use" in server.log()
            return
        token = server.first_line.decode().split()[-1]
        assert server.popen.stdout is not None
        assert server.popen.stdout.readline() == f"serving {here} on https://tree.example.com:{DEFAULT_PORT}\n".encode()
        asked = ["curl", "-q", "-sS", "-k", "--resolve", f"tree.example.com:{DEFAULT_PORT}:127.0.0.1"]
        url = f"https://tree.example.com:{DEFAULT_PORT}/clock"
        for header, code in (("", "token-required"), (f"Authorization: Bearer {token}", None)):
            told = subprocess.run([*asked, "-H", header, url], capture_output=True, check=True)
            assert json.loads(told.stdout).get("code") == code
        assert server.end(signal.SIGINT)[0] == 0


def test_what_of_them_is_there_serves_without_the_rest(here: Path) -> None:
    """Several paths, and pages of every origin."""
    with Process(here / "project1", here / "project2", "--cors", "*") as server:
        server.await_ready()
        answer = get(f"{server.url}/stats", headers={"Origin": "https://app.example.com"})
        assert (answer[0], answer[1]["access-control-allow-origin"]) == (200, "*")
        assert [root["path"] for root in json.loads(answer[2])["roots"]] == [
            str(here / "project1"),
            str(here / "project2"),
        ]


@pytest.fixture
def server(here: Path) -> Iterator[Process]:
    with Process(here / "project") as running:
        running.await_ready()
        yield running


def test_the_seeds_requests(server: Process, here: Path) -> None:
    tree = get_json(f"{server.url}/tree?path=/src&mode=quantum")
    assert tree["path"] == str(here / "project" / "src")
    assert tree["compressed"].startswith("QTN1:AQID")
    assert tree["stats"].keys() == {"files", "dirs", "size"}
    stats = get_json(f"{server.url}/stats?path=/src")
    assert (stats["path"], stats["files"]) == (str(here / "project" / "src"), 2)
    status, _, compressed = get(f"{server.url}/compress?path=/src/file.md&format=marqant")
    assert (status, marqant.decode(compressed, 100).text) == (200, b"# a file\n")
    (here / "project" / "src" / "file.md").write_bytes(b"# a file\nTODO: more\n")
    get_json(f"{server.url}/clock?sync=1")
    (found,) = get_json(f"{server.url}/search?q=TODO&path=/src")["matches"]
    assert (found["path"]["text"], found["line_number"]) == (str(here / "project" / "src" / "file.md"), 2)


def test_the_seeds_rest_lines_with_curl(here: Path) -> None:
    """As they are written; only the two paths of /watch are the test's."""
    new, old = here / "project1", here / "project2"
    lines = f"""
        GET /tree?path=/src&mode=quantum
        GET /stats?path=/src
        GET /search?q=TODO&path=/src
        GET /compress?path=/src/file.md&format=marqant
        POST /watch {{ "path": "{new}" }}
        POST /watch {{ "path": "{old}" }}
        DELETE /watch {{ "path": "{old}" }}
    """
    with Process(here / "project", "--watch-base", here) as server:
        server.await_ready()
        for line in filter(None, map(str.strip, lines.splitlines())):
            method, target, *body = line.split(" ", 2)
            data = [option for text in body for option in ("-d", text)]
            command = ["curl", "-q", "-sS", "-f", "-X", method, *data, f"{server.url}{target}"]
            assert subprocess.run(command, capture_output=True, check=True).stdout, line
        roots = [root["path"] for root in get_json(f"{server.url}/watch")["roots"]]
        assert roots == [str(here / "project"), str(new)]


def test_the_seeds_events(server: Process, here: Path) -> None:
    """Each of its four, with the fields it shows; ours has more of them."""
    with server.follow() as follower:
        (tree,), (stats,) = follower.turns[0].named("tree"), follower.turns[0].named("stats")
        assert tree.keys() >= {"path", "mode", "compressed", "stats"}
        assert stats.keys() >= {"path", "interval", "changes", "growth", "hot_files"}
        main = here / "project" / "src" / "main.rs"
        main.write_bytes(b"fn main() { todo!() }\n")
        (here / "project" / "Cargo.toml").touch()
        follower.until_clock(server.sync())
        changes = [change for turn in follower.turns for change in turn.named("change")]
        assert {change["path"] for change in changes} == {str(main), str(here / "project" / "Cargo.toml")}
        for change in changes:
            assert change.keys() >= {"type", "path", "size", "timestamp", "delta"}
            assert change["delta"].startswith("QTN1:DELTA:")
        assert follower.turns[-1].named("quantum")[0].startswith("QTN1:BATCH:")
    for window in get_json(f"{server.url}/stats")["windows"]:
        assert sorted(window["hot_files"]) == ["Cargo.toml", "src/main.rs"]


def test_the_default_port_is_the_seeds(here: Path) -> None:
    """Taken by the test, or by whoever has it: the refusal of a command line without a port names it."""
    try:
        taken = socket.create_server(("127.0.0.1", DEFAULT_PORT))
    except OSError:
        taken = socket.socket()
    with taken:
        line = in_shell("st --serve project", here)
        done = subprocess.run(line, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 2
    assert f"port {DEFAULT_PORT} is in use" in done.stderr
