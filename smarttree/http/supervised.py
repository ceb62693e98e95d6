"""What whoever supervises the process is told, by sd_notify(3): that it scans, that it is ready, that it lives, that it
stops. Where nobody asked for that, there is no socket, and nothing is sent.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_LOG: Final = logging.getLogger("smarttree.http")

SCAN_S: Final = 5.0
"""How often a scan is said to go on; the time to become ready is then three times that from now."""


class Supervisor:
    """Of the socket that NOTIFY_SOCKET names: a path, or a name of Linux's that begins with @."""

    def __init__(self) -> None:
        """Takes the variables away: a process that this one starts has nothing to say there."""
        self._address = os.environ.pop("NOTIFY_SOCKET", "")
        patience_us = os.environ.pop("WATCHDOG_USEC", "")
        self._scans: asyncio.Task[None] | None = None
        is_ours = os.environ.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._alive_s = int(patience_us) / 2e6 if patience_us.isdecimal() and is_ours else 0.0

    def tell(self, *lines: str) -> None:
        """It is never waited for, and what can't be told is no reason to end."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.setblocking(False)
                to.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            _LOG.debug("the supervisor can't be told %s: %s", lines, error)

    @asynccontextmanager
    async def kept_informed(self, what: str) -> AsyncIterator[None]:
        """While this loop runs it is said to, twice in the time that it may be silent; at the end, that it stops."""
        self._say_it_scans(what)
        scans = self._scans = asyncio.create_task(self._say_it_still_scans(what))
        alive = asyncio.create_task(self._say_it_lives()) if self._alive_s else None
        try:
            yield
        finally:
            self.tell("STOPPING=1", "STATUS=stopping")
            for task in filter(None, (scans, alive)):
                task.cancel()

    def _say_it_scans(self, what: str) -> None:
        self.tell(f"STATUS=scanning {what}", f"EXTEND_TIMEOUT_USEC={round(3e6 * SCAN_S)}")

    async def _say_it_still_scans(self, what: str) -> None:
        while True:
            await asyncio.sleep(SCAN_S)
            self._say_it_scans(what)

    async def _say_it_lives(self) -> None:
        while True:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._alive_s)

    def tell_ready(self, what: str) -> None:
        """The first scan has ended: who waits for this server may begin."""
        if self._scans is not None:
            self._scans.cancel()
        self.tell("READY=1", f"STATUS=serving {what}")
