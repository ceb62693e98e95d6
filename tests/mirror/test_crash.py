"""The law of crashes: whenever the server is killed, it goes on in the same epoch, and who resumes misses nothing.

Bursts of changes on disk, `kill -9` at random instants (while it starts, too), and clients that come back by their last
ids. In the end each mirror equals the disk, and nobody was ever sent a tree anew. CRASH_KILLS says how many kills.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from time import monotonic

from tests.clients.plain import Follower, ProtocolBreach, get_json
from tests.disk import difference, listing, mirror_listing
from tests.nursery import DEADLINE_S, Nursery
from tests.running import churn

KILLS = int(os.environ.get("CRASH_KILLS") or 200)
CLIENTS = 3
ALIVE_S = 0.25  # how long a server lives at most
EARLY = 0.25  # of the kills: at any moment of the start

WAITS = threading.Event()  # never set: to wait on it for a random time is all that it is for


class Mirror(threading.Thread):
    """A client that never gives up, as an EventSource: it comes back by its last id until it is told to stop."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{port}/events?events=tree,quantum,message"
        self._stopping = threading.Event()
        self._goal = ""
        self.follower: Follower | None = None
        self.rebased = 0
        self.connected = 0
        self.wrong: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._is_done():
                with suppress(ConnectionError, TimeoutError):
                    self._follow()
        except BaseException as error:  # noqa: BLE001 - shown by `finish`
            self.wrong = error

    def _is_done(self) -> bool:
        return self._stopping.is_set() or bool(self._goal and self.follower and self.follower.last_id == self._goal)

    def _follow(self) -> None:
        if self.follower is None:
            self.follower = Follower(self._url)
        else:
            self.follower.reconnect()
        self.connected += 1
        while not self._is_done():
            turn = self.follower.turn(0.5)
            self.rebased += any(tree["reason"] == "rebase" for tree in turn.named("tree"))

    def finish(self, goal: str) -> None:
        self._goal = goal
        self.join(DEADLINE_S)
        self._stopping.set()
        self.join(DEADLINE_S)
        if self.wrong is not None:
            raise self.wrong
        assert self.follower is not None
        assert self.follower.last_id == goal, (self.follower.last_id, goal)


@contextmanager
def mirrors(port: int, count: int) -> Iterator[list[Mirror]]:
    begun = [Mirror(port) for _ in range(count)]
    for each in begun:
        each.start()
    try:
        yield begun
    finally:
        for each in begun:
            each._stopping.set()
            if each.follower is not None:
                each.follower.close()
            each.join(DEADLINE_S)


def burst(top: Path, dice: Random, for_s: float) -> None:
    """Changes, with a rest now and then, for about so long."""
    end = monotonic() + for_s
    while (left := end - monotonic()) > 0:
        churn(top, dice, dice.randrange(1, 12))
        WAITS.wait(min(left, dice.choice((0.0, 0.001, 0.01, 0.03))))


def test_whenever_it_is_killed_nobody_misses_anything(tmp_path: Path, seed: int) -> None:
    top, log, dice = tmp_path / "top", tmp_path / "log", Random(f"crash {seed}")
    top.mkdir()
    churn(top, dice, 60)
    arguments = ["--serve", str(top), "--state", str(tmp_path / "state"), "--batch-ms", "5", "-q"]
    with Nursery(log) as nursery:
        nursery.bear(*arguments, "--port", "0")
        port = nursery.await_listening()
        arguments += ["--port", str(port)]
        clock = ready(port)
        with mirrors(port, CLIENTS) as clients:
            for _ in range(KILLS // 2):  # with each of two seeds
                burst(top, dice, dice.uniform(0.0, ALIVE_S))
                nursery.kill()
                churn(top, dice, dice.randrange(6))
                nursery.bear(*arguments)
                if dice.random() < EARLY:
                    WAITS.wait(dice.uniform(0.0, 0.08))
                else:
                    nursery.await_listening()
            goal = ready(port)
            for client in clients:
                client.finish(goal)
            disk = listing(str(top))
            wrong = [difference(disk, mirror_listing(client.follower.mirror)) for client in clients if client.follower]
            assert wrong == [""] * CLIENTS, log.read_text()
            assert [client.rebased for client in clients] == [0] * CLIENTS, log.read_text()
            assert goal.partition("-")[0] == clock.partition("-")[0]
            assert all(client.connected > KILLS // 20 for client in clients)


def ready(port: int) -> str:
    """The clock after everything that happened so far."""
    deadline = monotonic() + DEADLINE_S
    while True:
        try:
            return str(get_json(f"http://127.0.0.1:{port}/clock?sync=1")["clock"])
        except (AssertionError, ConnectionError, ProtocolBreach):
            if monotonic() > deadline:
                raise
            WAITS.wait(0.01)
