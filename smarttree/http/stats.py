"""`GET /stats`: what is below a path, by numbers, from the tree's columns."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final, NamedTuple

from aiohttp import web

from smarttree import census
from smarttree.census import Census
from smarttree.clock import Clock
from smarttree.errors import BadParameter
from smarttree.http.clock import json_response
from smarttree.http.errors import require_ready
from smarttree.http.keys import HUB, SERVICE
from smarttree.http.params import Query
from smarttree.http.paths import find_directory
from smarttree.modes import View
from smarttree.printable import name_fields
from smarttree.service import Service
from smarttree.stream.activity import INTERVALS, Activity
from smarttree.stream.events import totals_field, window_fields
from smarttree.stream.figures import Figures
from smarttree.tree import SERVICE_ID, Tree

EXTENSIONS_MAX: Final = 50
RANKED: Final = 10  # files that are largest and newest, and directories


def by_extension(found: Census) -> list[dict[str, object]]:
    """Files and bytes of each extension, the one with most bytes first."""
    return [
        {"extension": row.extension.decode("utf-8", "replace"), "files": row.files, "size": row.size}
        for row in found.by_size(EXTENSIONS_MAX)
    ]


def ranked(tree: Tree, found: Census) -> dict[str, object]:
    """The directories right below with most bytes, the files with most bytes, and those written last."""
    return {
        "by_directory": [
            {**name_fields("path", tree.path(entry)), **totals_field(tree.totals(entry))} for entry in found.directories
        ],
        "largest": [{**name_fields("path", tree.path(entry)), "size": tree.row(entry).size} for entry in found.largest],
        "newest": [
            {**name_fields("path", tree.path(entry)), "mtime_ns": str(tree.row(entry).mtime_ns)}
            for entry in found.newest
        ],
    }


def windows(activity: Activity, paths: list[bytes], names: list[str], now_ns: int) -> list[dict[str, object]]:
    """What happened lately below each path. `seconds`: how much of the interval is known."""
    known_s = (now_ns - activity.since_ns) // 1_000_000_000
    told = list[dict[str, object]]()
    for path in paths:
        for name, window in zip(names, activity.windows(now_ns, path, names), strict=True):
            seconds = max(1, min(INTERVALS[name], known_s))
            told.append(
                {
                    **name_fields("path", path),
                    **window_fields(name, window),
                    "changes_per_second": round(window.changes / seconds, 3),
                    "seconds": seconds,
                    "exact": window.is_exact,
                }
            )
    return told


def watcher_fields(service: Service) -> dict[str, object]:
    """What tells of changes, and what it can't watch as it should."""
    by, degraded = service.watching
    return {"name": by, "degraded": degraded or None}


def contents_fields(service: Service) -> dict[str, int] | None:
    """How far the reading of contents has come; None where they are left alone."""
    extent = service.contents.extent
    return extent._asdict() if extent is not None else None


def state_fields(service: Service) -> dict[str, object]:
    """Where the history is kept (None: in memory), and why it is not where it should be."""
    directory = service.keeping.directory
    return {
        **(name_fields("directory", directory) if directory is not None else {"directory": None}),
        "degraded": service.keeping.degraded or None,
    }


class Told(NamedTuple):
    """What the tree itself says, at a clock; `paths` are those that windows are told of."""

    clock: Clock
    paths: list[bytes]
    data: dict[str, object]


def figures(view: View, path: bytes | None) -> Told:
    """Of what is below a path; None: of everything. O(entries there): not for the event loop. Raises as
    `find_directory`.
    """
    tree = view.tree
    whole = path is None and len(tree.roots()) > 1
    top = SERVICE_ID if whole else find_directory(tree, path)
    found = census.take(tree, top, RANKED)
    data = {
        **(
            {"roots": [name_fields("path", tree.path(root)) for root in tree.roots()]}
            if whole
            else name_fields("path", tree.path(top))
        ),
        **totals_field(tree.totals(top)),
        "by_extension": by_extension(found),
        **ranked(tree, found),
    }
    return Told(view.clock, [tree.path(each) for each in (tree.roots() if whole else [top])], data)


def describe(service: Service, path: bytes | None, names: list[str]) -> tuple[Clock, dict[str, object]]:
    """Everything `/stats` tells but the clients. Not for the event loop."""
    told = service.look(partial(figures, path=path))
    return told.clock, {
        **told.data,
        "windows": windows(service.activity, told.paths, names, time.time_ns()),
        "problems": [
            {**name_fields("path", problem.path), "errno": problem.errno, "message": problem.message}
            for problem in service.problems
        ],
        "watcher": watcher_fields(service),
        "contents": contents_fields(service),
        "state": state_fields(service),
        "clock": str(told.clock),
    }


def streams_fields(figures: Figures, epoch: int) -> dict[str, object]:
    """How the streams do; `worst` are those furthest behind."""
    return {
        "count": figures.clients,
        "lagging": figures.lagging,
        "lag_bytes": figures.lag_bytes,
        "lag_s": round(figures.lag_s, 3),
        "sends": figures.sends,
        "sent_bytes": figures.sent_bytes,
        "closed": dict(figures.closed),
        "worst": [
            {"peer": lag.peer, "clock": str(Clock(epoch, lag.seq)), "bytes": lag.nbytes, "s": round(lag.seconds, 3)}
            for lag in figures.worst
        ],
    }


async def get_stats(request: web.Request) -> web.StreamResponse:
    query = Query(request, ("path", "window"))
    service = request.app[SERVICE]
    require_ready(service)
    path, window = query.octets("path"), query.text("window")
    if window is not None and window not in INTERVALS:
        raise BadParameter(f"window is one of {', '.join(INTERVALS)}, not {window[:40]!r}")
    names = list(INTERVALS) if window is None else [window]

    clock, data = await asyncio.to_thread(describe, service, path, names)
    hub = request.app[HUB]
    streams = streams_fields(await hub.figures(), clock.epoch)
    return json_response({**data, "clients": hub.client_count, "streams": streams}, clock)
