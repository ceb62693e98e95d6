"""Wires the endpoints, and runs the server from its first socket to its last client's `retry:`."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from aiohttp import web

from smarttree.config import HttpConfig
from smarttree.errors import SmarttreeError
from smarttree.http.access import ACCESS, Access
from smarttree.http.allowed import Allowlist
from smarttree.http.changes import get_changes
from smarttree.http.chunk import body_maker, get_chunk, groups_are_let_go
from smarttree.http.clock import get_clock
from smarttree.http.compress import COMPRESSING, Compressing, end_compressing, get_compress
from smarttree.http.cors import Cors
from smarttree.http.dashboard import get_page, get_page_file
from smarttree.http.door import DOOR, Door, opened
from smarttree.http.errors import mark_begun, problems
from smarttree.http.events import get_events
from smarttree.http.groups import Groups
from smarttree.http.guests import access_is_kept
from smarttree.http.health import get_healthz, get_readyz
from smarttree.http.https import secured
from smarttree.http.keyring import Keyring
from smarttree.http.keys import CONFIG, GROUPS, HUB, SERVICE
from smarttree.http.limits import LIMITS, Limits
from smarttree.http.listen import address_of
from smarttree.http.measured import Requests
from smarttree.http.metrics import METRICS, Metrics, get_metrics
from smarttree.http.openapi import get_docs, get_openapi
from smarttree.http.runner import Runner
from smarttree.http.search import get_search
from smarttree.http.session import KEEPING, delete_session, get_session, post_session, sessions_of
from smarttree.http.stats import get_stats
from smarttree.http.stored import Shelf
from smarttree.http.supervised import Supervisor
from smarttree.http.ticket import key_of, post_ticket
from smarttree.http.tickets import Tickets
from smarttree.http.tree import ANSWERED, TREES, TREES_BYTES, end_trees, get_tree, trees_are_kept
from smarttree.http.waiting import changes_are_told, end_waiting
from smarttree.http.watch import delete_watch, get_watch, post_watch
from smarttree.printable import printable
from smarttree.service import Service
from smarttree.stream.hub import Hub

PROGRESS_S: Final = 0.1


class ScanReporter(Protocol):
    """Who is told about the first scan (smarttree.progress.ScanProgress)."""

    def update(self, entries: int, dirs: int, seconds: float) -> None: ...
    def finish(self, entries: int, dirs: int, seconds: float) -> None: ...
    def close(self) -> None: ...


def build_app(service: Service, http: HttpConfig) -> web.Application:
    """The application over a service. It starts and closes its hub; the service's life is its owner's."""
    requests, limits = Requests(logged=http.access_log), Limits(http)
    access, cors = _guards(service, http)
    app = web.Application(
        middlewares=[requests.middleware(), problems, limits.middleware, cors.middleware(), access.middleware]
    )
    app[ACCESS], app[LIMITS], app[DOOR] = access, limits, Door(access.admits, limits)
    app[SERVICE], app[CONFIG], app[GROUPS] = service, http, Groups()
    app[METRICS] = Metrics(service, requests, limits.reached)
    app[HUB] = Hub(
        service,
        body_maker(app[GROUPS]),
        heartbeat_s=http.heartbeat_s,
        stats_interval_s=http.stats_interval_s,
        retry_ms=(http.retry_min_ms, http.retry_max_ms),
        now_ns=time.time_ns,
        fanout=http.fanout,
    )
    app[TREES] = Shelf(TREES_BYTES)
    app[COMPRESSING], app[KEEPING] = Compressing(), asyncio.Lock()
    app.cleanup_ctx.append(_hub_runs)
    app.cleanup_ctx.append(groups_are_let_go)
    app.cleanup_ctx.append(trees_are_kept)
    app[ANSWERED] = {}
    app.cleanup_ctx.append(changes_are_told)
    app.cleanup_ctx.append(access_is_kept)
    app.on_shutdown.append(_close_hub)
    app.on_shutdown.append(end_trees)
    app.on_shutdown.append(end_waiting)
    app.on_shutdown.append(end_compressing)
    app.on_response_prepare.append(mark_begun)
    app.on_response_prepare.append(cors.mark)
    app.on_response_prepare.append(access.mark)
    _route(app.router)
    return app


def _guards(service: Service, http: HttpConfig) -> tuple[Access, Cors]:
    """Who is let in, and which pages are."""
    keyring, key = Keyring(http.auth_token, http.auth_token_file), key_of(service.config.state)
    tickets, sessions = Tickets(key, time.time()), sessions_of(service.config.state, key)
    access = Access(http, keyring, Allowlist(http.allow, http.allow_file), tickets, sessions)
    return access, Cors(http.cors, lambda: bool(keyring.tokens), access.origin_of)


def _route(router: web.UrlDispatcher) -> None:
    router.add_get("/events", get_events)
    router.add_get("/tree", get_tree)
    router.add_get("/chunk/{hash}", get_chunk)
    router.add_get("/changes", get_changes)
    router.add_get("/compress", get_compress)
    router.add_get("/search", get_search)
    router.add_get("/stats", get_stats)
    router.add_get("/clock", get_clock)
    router.add_get("/watch", get_watch)
    router.add_post("/watch", post_watch)
    router.add_delete("/watch", delete_watch)
    router.add_post("/ticket", post_ticket)
    router.add_get("/healthz", get_healthz)
    router.add_get("/readyz", get_readyz)
    router.add_get("/metrics", get_metrics)
    router.add_get("/openapi.json", get_openapi)
    router.add_get("/docs", get_docs)
    router.add_get("/", get_page)
    router.add_get("/page/{file}", get_page_file)
    router.add_get("/session", get_session)
    router.add_post("/session", post_session)
    router.add_delete("/session", delete_session)


async def _hub_runs(app: web.Application) -> AsyncIterator[None]:
    app[HUB].start()
    yield
    await app[HUB].close()


async def _close_hub(app: web.Application) -> None:
    """Before aiohttp waits for handlers: those of streams end only when told."""
    await app[HUB].close()


def run(
    service: Service,
    http: HttpConfig,
    sockets: list[socket.socket],
    *,
    plain: Sequence[socket.socket] = (),
    progress: ScanReporter | None = None,
) -> int:
    """Serves a service that was started, until SIGINT or SIGTERM; returns the exit status. A second signal ends the
    process at once. Stops the service. Raises what made it fail. `plain`: the port beside HTTPS.
    """
    return asyncio.run(_run(service, http, sockets, plain, progress))


async def _run(
    service: Service,
    http: HttpConfig,
    sockets: list[socket.socket],
    plain: Sequence[socket.socket],
    progress: ScanReporter | None,
) -> int:
    stopped, supervisor = _on_signals(), Supervisor()
    roots = " ".join(printable(root) for root in service.config.roots)
    runner = Runner(build_app(service, http))
    await runner.setup()
    try:
        port = sockets[0].getsockname()[1]
        async with (
            secured(http, service.config.state, port, plain, runner.app[LIMITS]) as tls,
            opened(runner.ours, sockets, runner.app[DOOR], tls),
            supervisor.kept_informed(roots),
        ):
            print(f"serving {roots} on {address_of(http.domain or http.host, port, https=http.https)}", flush=True)
            await _report_scan(service, stopped, progress)
            if service.state == "ready":
                supervisor.tell_ready(roots)
            return await _until_end(service, runner.app[HUB], stopped)
    finally:
        await asyncio.gather(asyncio.to_thread(service.stop), runner.cleanup())


def _on_signals() -> asyncio.Event:
    """An event that the first SIGINT or SIGTERM sets. The second finds the system's own handling, and is the end."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopped


async def _until_end(service: Service, hub: Hub, stopped: asyncio.Event) -> int:
    """Waits for a signal (0), the service's failure (raised) or the hub's (1)."""
    loop, failed = asyncio.get_running_loop(), asyncio.Event()

    def listen() -> None:  # in the engine's thread, at every batch too
        if service.failure is not None:
            loop.call_soon_threadsafe(failed.set)

    service.add_listener(listen)
    waits: list[asyncio.Future[Any]] = [asyncio.create_task(stopped.wait()), asyncio.create_task(failed.wait())]
    try:
        if service.failure is None:
            await asyncio.wait([*waits, hub.ended], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    if service.failure is not None:
        raise service.failure
    return 0 if stopped.is_set() else SmarttreeError.exit_status


async def _report_scan(service: Service, stopped: asyncio.Event, progress: ScanReporter | None) -> None:
    """Tells how the first scan goes, until it has ended or the server shall."""
    while service.state == "scanning" and not stopped.is_set():
        if progress is not None:
            progress.update(service.progress.entries, service.progress.dirs, service.progress.seconds)
        with suppress(TimeoutError):
            async with asyncio.timeout(PROGRESS_S):
                await stopped.wait()
    if progress is None:
        return
    if service.state == "ready":
        progress.finish(service.progress.entries, service.progress.dirs, service.progress.seconds)
    else:
        progress.close()
