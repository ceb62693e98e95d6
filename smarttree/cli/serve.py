"""`st --serve`: the port is taken, the scan begins, and while it runs the HTTP server is loaded."""

from __future__ import annotations

import gc
import logging
import secrets
from dataclasses import replace
from typing import Final

from smarttree import modes
from smarttree._malloc import map_from
from smarttree.cli.logs import JSON
from smarttree.cli.user import become
from smarttree.cli.values import is_loopback
from smarttree.config import HttpConfig, LogConfig, ServiceConfig
from smarttree.http.listen import open_sockets
from smarttree.http.tokens import SECRET_CHARS
from smarttree.service import Service

MAPPED_BYTES: Final = 512 * 1024
# A burst makes a hundred thousand small objects that end by themselves. Looking for circles among them every 700 took
# 7 % of its processor time. Each connection leaves a circle, asyncio's: 400 a second held 40 MiB more with 50,000.
COLLECT_AFTER: Final = 10_000
_LOG = logging.getLogger(__name__)


def _risks(http: HttpConfig) -> list[str]:
    """Who may read without a token, beyond what anyone would expect."""
    told, place = [], http.domain or http.host
    is_open = http.insecure and place is not None and not http.allow
    if is_open or any(not network.prefixlen for network in http.allow):
        told.append(f"everyone who can reach {place or 'this machine'} can read the whole tree")
    if "*" in http.cors:
        told.append("every site that someone here visits can read the names, sizes and times of its files")
    return told


def _guarded(http: HttpConfig) -> HttpConfig:
    """Say what a person who answers for this would want to know; with a token where there must be one."""
    if http.domain is not None and not (http.auth_token or http.auth_token_file or http.is_listed or http.insecure):
        http = replace(http, auth_token=secrets.token_urlsafe(32))
        print(f"token, until this server ends (--auth-token gives one that stays): {http.auth_token}", flush=True)
    guarded = http.auth_token is not None or http.auth_token_file is not None
    beyond = http.is_listed if http.host is None else not is_loopback(http.host)
    if not guarded and (told := _risks(http)):
        _LOG.warning("starting insecurely: %s", ", and ".join(told))
    if guarded and beyond and not http.https:
        _LOG.warning("tokens travel unencrypted: add --https, or put a proxy that has a certificate in front")
    if http.token_in_query:
        _LOG.warning(
            "tokens are taken in addresses (--token-in-query), which proxies' logs and browsers' histories keep"
        )
    if http.auth_token is not None and len(http.auth_token) < SECRET_CHARS:
        _LOG.warning("the token is short enough to be guessed: `openssl rand -hex 32` makes a good one")
    return http


def serve(config: ServiceConfig, http: HttpConfig, *, log: LogConfig) -> int:
    """Serves until SIGINT or SIGTERM; returns the exit status.

    Raises SmarttreeError: PortInUse or ConfigError before anything is scanned, or what made the service fail.
    """
    http = _guarded(http)
    modes.check(http.mode)
    map_from(MAPPED_BYTES)
    sockets = open_sockets(http.host, http.port, everywhere=http.is_listed or http.domain is not None)
    plain = open_sockets(http.host, http.acme_http_port, everywhere=True) if http.domain is not None else []
    watching = become(config, http.user)  # before there are threads, and before anything of the user's is read
    service = Service(config, group=watching.group)
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
        return run(service, http, sockets, plain=plain, progress=progress)
    finally:
        service.stop()
        watching.end()
