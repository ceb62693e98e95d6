"""Four mirrors in four languages, of a server that is killed, by connections that are cut: they end as the disk.

A part of `make soak` too: CHAOS_ROUNDS (2) bursts of CHAOS_ENTRIES (66,000) changed entries in all; CHAOS_SEED repeats
one.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from clients.contract.adapters import LANGUAGES, Adapter, Session, built
from clients.contract.proxy import Proxy
from tests.clients.plain import Follower
from tests.disk import listing
from tests.integration.test_clients import Server
from tests.nursery import Nursery
from tests.running import churn

ROUNDS = int(os.environ.get("CHAOS_ROUNDS") or 2)
ENTRIES = int(os.environ.get("CHAOS_ENTRIES") or 66_000)
SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbits(32))
CATCH_UP_S = 120.0
PER_DIRECTORY = 300


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    top = tmp_path / "top"
    top.mkdir()
    with Nursery(tmp_path / "log") as nursery:
        yield Server(nursery, top, tmp_path / "state")
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.skipif(
    "CI" not in os.environ and not all(built(language).exists() for language in LANGUAGES),
    reason="not all adapters are built: run `make test-clients`",
)
def test_four_mirrors_are_the_disk_in_the_end(server: Server, tmp_path: Path) -> None:
    rng, top = Random(SEED), tmp_path / "top"
    print(f"CHAOS_SEED={SEED}")
    churn(top, rng, 200)
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(server.port, SEED + n)) for n in range(len(LANGUAGES))]
        adapters = [stack.enter_context(Adapter(language)) for language in LANGUAGES]
        options = {"silence_s": 2.0, "retry_max_s": 0.5}
        mirrors = [
            Session(adapter, do="mirror", url=proxy.url, query={}, globs=[], options=options)
            for adapter, proxy in zip(adapters, proxies, strict=True)
        ]
        for number in range(ROUNDS):
            burst(top / f"burst-{number}", rng, ENTRIES // ROUNDS, server)
        for proxy in proxies:
            proxy.calm()
        clock = server.sync()
        for mirror in mirrors:
            mirror.until(lambda line: line.get("applied") == clock, CATCH_UP_S)
        check(mirrors, server, top)
        for proxy, mirror, adapter in zip(proxies, mirrors, adapters, strict=True):
            print(adapter.name, proxy.cuts, "lost", len(mirror.told("lost")), "rebased", mirror.told("rebased"))
            assert mirror.told("lost"), f"{adapter.name} was never cut off"
            mirror.stop()


def burst(top: Path, rng: Random, entries: int, server: Server) -> None:
    """So many entries are made, written, moved and removed; the server is killed in the middle of it, twice."""
    dirs = [top / f"{number}" for number in range(entries // PER_DIRECTORY // 2)]
    for number, directory in enumerate(dirs):
        directory.mkdir(parents=True)
        for name in range(PER_DIRECTORY):
            (directory / f"{name}.{rng.choice(['rs', 'c', 'md'])}").touch()
        if number == len(dirs) // 2:
            server.end(signal.SIGKILL)
            server.start()
    for number, directory in enumerate(dirs):
        kind = rng.randrange(4)
        if kind == 0:
            directory.rename(directory.with_name(f"moved-{number}"))
        elif kind == 1:
            for path in directory.iterdir():
                path.unlink()
        else:
            for path in directory.iterdir():
                path.write_bytes(b"x" * rng.randrange(100))
        if number == len(dirs) // 2:
            server.end(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            server.start()


def check(mirrors: list[Session], server: Server, top: Path) -> None:
    """Equal digests, equal to the server's; equal entries, equal to the disk."""
    with Follower(f"{server.url}/events?events=tree,quantum") as follower:
        follower.turn(CATCH_UP_S)
        digest = f"{follower.mirror.service_digest:032x}"
    assert [mirror.told("digest")[-1] for mirror in mirrors] == [digest] * len(mirrors)
    disk = on_disk(top)
    for mirror in mirrors:
        held = {bytes.fromhex(row[0]): tuple(row[1:]) for row in mirror.listed()}
        assert held == disk


def on_disk(top: Path) -> dict[bytes, tuple[Any, ...]]:
    """As an adapter lists it, taken by `lstat`."""
    found = {}
    for path in [os.fsencode(top), *listing(os.fsencode(top))]:
        stat = os.lstat(path)
        size = 0 if os.path.isdir(path) and not os.path.islink(path) else stat.st_size
        found[path] = (stat.st_mode, str(size), str(stat.st_mtime_ns))
    return found
