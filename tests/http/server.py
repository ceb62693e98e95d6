"""A real server over a real directory, in a thread of the test: the application, its sockets and its service.

Law: nothing is replaced but the command line. Every wait has a deadline.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smarttree.config import HttpConfig, ServiceConfig
from smarttree.http.app import build_app
from smarttree.http.door import DOOR, opened
from smarttree.http.https import secured
from smarttree.http.keys import HUB
from smarttree.http.limits import LIMITS
from smarttree.http.listen import open_sockets
from smarttree.http.runner import Runner
from smarttree.service import Service
from tests.clients.plain import DEADLINE_S, get, get_json


class Server:
    """Serves `roots` on the loopback, on a free port unless one is named. `scan=False` leaves the scan for later.

    `settings` are fields of `ServiceConfig` or `HttpConfig`.
    """

    def __init__(self, *roots: Path, scan: bool = True, bases: Sequence[Path] = (), **settings: Any) -> None:
        real = tuple(os.fsencode(os.path.realpath(root)) for root in roots)
        below = tuple(os.fsencode(os.path.realpath(base)) for base in bases)
        served = {field.name: settings.pop(field.name) for field in fields(ServiceConfig) if field.name in settings}
        self.service = Service(ServiceConfig(roots=real, watch_bases=below, **served))
        fanout = os.environ.get("SMARTTREE_FANOUT", "auto")  # as a process would take it
        self._http = HttpConfig(**{"port": 0, "fanout": fanout, **settings})
        self._scan = scan
        self._up: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="server")

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.app = build_app(self.service, self._http)
        runner = Runner(self.app)
        await runner.setup()
        try:
            sockets = open_sockets(None, self._http.port)
            self.port = sockets[0].getsockname()[1]
            async with (
                secured(self._http, self.service.config.state, self.port, (), self.app[LIMITS]) as tls,
                opened(runner.ours, sockets, self.app[DOOR], tls),
            ):
                self._up.set_result(None)
                await self._stop.wait()
        finally:
            await runner.cleanup()

    def app_streams(self) -> int:
        """How many are open."""
        return self.app[HUB].client_count

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, target: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One GET; `Last_Event_ID=` and the like become headers."""
        return get(self.url + target, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def json(self, target: str) -> Any:
        return get_json(self.url + target)

    def sync(self) -> str:
        """The clock after everything that happened on disk so far."""
        clock = self.json("/clock?sync=1")["clock"]
        assert isinstance(clock, str)
        return clock

    def begin_scan(self) -> None:
        """Starts the service, and returns when it is ready."""
        settled = threading.Event()

        def listen() -> None:
            if self.service.state != "scanning":
                settled.set()

        self.service.add_listener(listen)
        self.service.start()
        assert settled.wait(DEADLINE_S), "the scan did not end"
        assert self.service.state == "ready", self.service.failure

    def __enter__(self) -> Self:
        self._thread.start()
        self._up.result(DEADLINE_S)
        if self._scan:
            self.begin_scan()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE_S)
        self.service.stop()
        assert not self._thread.is_alive(), "the server did not end"
