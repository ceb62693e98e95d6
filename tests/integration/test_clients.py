"""Clients that are not ours come back to a server that was killed, and to one that was stopped, and miss nothing.

Each is what people use: the browser's own EventSource, a package of Node, Python, Go and Rust, and curl. A tool that is
missing fails the test in continuous integration; elsewhere its test is skipped, and says so.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.clients.foreign import DEADLINE_S, Foreign
from tests.clients.plain import Stream, get_json
from tests.disk import difference, listing, mirror_listing
from tests.integration.consumers import without_times_of_directories
from tests.nursery import PROJECT, Nursery
from tests.running import churn
from tests.toolchains import built_by_cargo, tool

CLIENTS = Path(PROJECT, "tests", "clients")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL)
STEPS = 40


def program(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(CLIENTS / "programs" / f"{name}.py"), *arguments]


def browser() -> list[str]:
    return program("by_browser", tool(*CHROMIUM))


def node() -> list[str]:
    return [tool("node"), str(Path(PROJECT, "tests", "node", "follow.mjs"))]


def curl() -> list[str]:
    tool("curl")
    return program("by_curl")


def python() -> list[str]:
    return program("by_launchdarkly")


def go() -> list[str]:
    built = Path(PROJECT, "build", "clients", "go-follow")
    subprocess.run([tool("go"), "build", "-o", built, "."], cwd=CLIENTS / "go", check=True)
    return [str(built)]


def rust() -> list[str]:
    """Its dependencies take the better part of a minute, once."""
    return [built_by_cargo(CLIENTS / "rust", "follow")]


class Server:
    """One after the other, on the same port and state directory."""

    def __init__(self, nursery: Nursery, top: Path, state: Path) -> None:
        self._nursery = nursery
        self._arguments = ["--serve", str(top), "--state", str(state), "--batch-ms", "5", "--cors", "*", "-q"]
        nursery.bear(*self._arguments, "--port", "0")
        self.port = nursery.await_listening()
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments += ["--port", str(self.port)]

    def end(self, number: signal.Signals) -> None:
        self._nursery.kill(number)

    def start(self) -> None:
        self._nursery.bear(*self._arguments)
        self._nursery.await_listening()

    def sync(self) -> str:
        """The clock after everything that happened so far; a stream is held open until the first scan is done."""
        with closing(Stream(f"{self.url}/events?events=message")) as stream:
            assert stream.frame(DEADLINE_S) is not None
        return str(get_json(f"{self.url}/clock?sync=1")["clock"])


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    top.mkdir()
    churn(top, Random("clients"), 4 * STEPS)
    return top


@pytest.fixture
def server(tmp_path: Path, top: Path) -> Iterator[Server]:
    with Nursery(tmp_path / "log") as nursery:
        yield Server(nursery, top, tmp_path / "state")
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("client", [browser, node, curl, python, go, rust], ids=lambda client: client.__name__)
def test_it_comes_back_and_misses_nothing(client: Callable[[], list[str]], server: Server, top: Path) -> None:
    command, dice = client(), Random(client.__name__)
    with Foreign(command, f"{server.url}/events", PROJECT) as foreign:
        foreign.until(server.sync())
        for number in ENDS:
            churn(top, dice, STEPS)
            foreign.until(server.sync())
            churn(top, dice, STEPS)  # what of it is sent, or half sent, by the end is left to chance
            server.end(number)
            churn(top, dice, STEPS)
            server.start()
            churn(top, dice, STEPS)
            lost = len(foreign.lost)
            foreign.until(server.sync())
            assert len(foreign.lost) > lost, "it was never cut off"
        disk = listing(str(top))
        assert difference(disk, mirror_listing(foreign.mirror)) == ""
        assert difference(without_times_of_directories(disk), foreign.by_deltas.listing()) == ""
        assert len(set(foreign.ids)) == len(foreign.ids) > 3 * len(ENDS)
        assert len({clock.partition("-")[0] for clock in foreign.ids}) == 1
