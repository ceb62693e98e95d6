"""Our server, its changes made here instead of on a disk: the real Tree, ledger, log, hub, reactor and HTTP.

    python -m bench.fanout.children.ours [--deep BYTES] [--lateness] [--fanout reactor|loop]

A payload is the name of a file that is created: one plan, one batch, one clock, in the thread that stands for the
engine and tells its listeners as that does. Left out are the watcher and the look at the disk: what a rival does not
have either. `--deep`: the directory's path is so long, and each event's frame with it.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

from aiohttp import web

from bench.fanout.children.control import BEGIN, Lateness, announce, listening, raise_limits, report, until_input_ends
from smarttree.clock import Clock
from smarttree.commits import Commits
from smarttree.config import HttpConfig, ServiceConfig
from smarttree.http.app import build_app
from smarttree.http.listen import BACKLOG
from smarttree.http.runner import Runner
from smarttree.ledger import Ledger, Limits
from smarttree.modes import View
from smarttree.plan import Plan
from smarttree.row import Row
from smarttree.service import FIRST_SEQ, Progress, Service
from smarttree.stream.activity import Activity
from smarttree.stream.batch import Batch
from smarttree.stream.log import Log
from smarttree.tree import SERVICE_ID, Tree

ROOT = b"/bench"
NAME_BYTES = 200
DIRECTORY, FILE = 0o040755, 0o100644


class Driven:
    """What the hub and `GET /events` ask of a service, over a Tree that is told what happens."""

    def __init__(self, deep_bytes: int) -> None:
        self.config = ServiceConfig(roots=(ROOT,))
        self.rooting = SimpleNamespace(paths=(ROOT,))
        self.state, self.failure = "ready", None
        self.log = Log(FIRST_SEQ, retention_bytes=self.config.retention_bytes, retention_s=self.config.retention_s)
        self.activity = Activity(self.config.roots)
        tree = self._tree = Tree()
        limits = Limits(self.config.batch_max_bytes, self.config.batch_max)
        self._commits = Commits(tree, Ledger(tree), self.log, self.activity, secrets.randbits(64), limits, time.time_ns)
        self.selections = self._commits.selections
        self._listeners: list[Callable[[], None]] = []
        self._place = self._directory(SERVICE_ID, ROOT)
        for number in range(deep_bytes // (NAME_BYTES + 1)):
            self._place = self._directory(self._place, b"%0*d" % (NAME_BYTES, number))

    def _directory(self, parent: int, name: bytes) -> int:
        eid = self._tree.issue()
        self._tree.insert(eid, parent, name, Row(DIRECTORY, 0, 1, 1, eid, 0))
        return eid

    def create(self, name: bytes) -> None:
        """A file in the one directory, as the engine would commit it. For one thread."""
        eid, now_ns = self._tree.issue(), time.time_ns()
        plan = Plan(creates={eid: ((self._place, name), Row(FILE, 0, now_ns, now_ns, eid, 0))})
        self._commits.carry_out(plan, more=False)
        for listener in self._listeners:
            listener()

    @property
    def progress(self) -> Progress:
        return Progress(0, 0, 0.0)

    @property
    def clock(self) -> Clock:
        return self._commits.clock

    def view(self) -> View:
        return self._commits.view()

    def compact(self, since: Clock) -> Batch | None:
        return self._commits.compact(since)

    def add_listener(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)


def drive(service: Driven, control: socket.socket, begin: Callable[[], None]) -> None:
    """The engine's thread: a batch for each line that comes."""
    control.setblocking(True)
    connection, _ = control.accept()
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            if line.startswith(BEGIN):
                begin()
            else:
                service.create(line[:-1])


async def serve(options: argparse.Namespace) -> None:
    """Until standard input ends. Nothing but events is told: no heartbeat and no stats meanwhile."""
    service, loop = Driven(options.deep), asyncio.get_running_loop()
    http = HttpConfig(heartbeat_s=3600, stats_interval_s=3600, max_connections=100_000, fanout=options.fanout)
    runner = Runner(build_app(cast(Service, service), http))
    await runner.setup()
    clients, control = listening(), listening()
    await web.SockSite(runner, clients, backlog=BACKLOG).start()
    lateness = Lateness() if options.lateness else None

    def begin() -> None:
        if lateness is not None:
            loop.call_soon_threadsafe(lateness.begin)

    threading.Thread(target=drive, args=(service, control, begin), daemon=True).start()
    announce(clients, control)
    await until_input_ends()
    report(lateness)
    await runner.cleanup()


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--deep", type=int, default=0)
    parser.add_argument("--lateness", action="store_true")
    parser.add_argument("--fanout", default="reactor")
    raise_limits()
    asyncio.run(serve(parser.parse_args(argv)))


if __name__ == "__main__":
    main(sys.argv[1:])
