"""`st --serve`: the port is taken, the scan begins, and while it runs the HTTP server is loaded."""

from __future__ import annotations

import gc
import logging
from typing import Final

from smarttree import modes
from smarttree._malloc import map_from
from smarttree.cli.logs import JSON
from smarttree.config import HttpConfig, LogConfig, ServiceConfig
from smarttree.http.listen import open_sockets
from smarttree.service import Service

MAPPED_BYTES: Final = 512 * 1024
# A burst makes a hundred thousand small objects that end by themselves. Looking for circles among them every 700 took
# 7 % of its processor time.
COLLECT_AFTER: Final = 50_000
_LOG = logging.getLogger(__name__)


def serve(config: ServiceConfig, http: HttpConfig, *, log: LogConfig) -> int:
    """Serves until SIGINT or SIGTERM; returns the exit status.

    Raises SmarttreeError: PortInUse or ConfigError before anything is scanned, or what made the service fail.
    """
    if http.insecure and http.host is not None:
        _LOG.warning("starting insecurely: everyone who can reach %s can read the whole tree", http.host)
    modes.check(http.mode)
    map_from(MAPPED_BYTES)
    sockets = open_sockets(http.host, http.port)
    service = Service(config)
    service.start()
    try:
        gc.disable()
        # aiohttp takes 0.15 s to load: a quarter of what the scan of half a million files takes, and now beside it.
        from smarttree.http.app import run
        from smarttree.progress import ScanProgress

        terminal = False if log.format == JSON else None  # a line that moves is no object
        progress = ScanProgress(terminal=terminal, quiet=log.verbosity < 0)
        # What is loaded by now stays: no collection needs to look through it.
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)
        gc.enable()
        return run(service, http, sockets, progress=progress)
    finally:
        service.stop()
