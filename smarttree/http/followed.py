"""Files that are read again when they are others: a token file, a certificate.

Law: what can't be read, or has a mistake in it, changes nothing, and that is said once; at the start it is an error.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from smarttree.errors import ConfigError
from smarttree.printable import printable

_LOG = logging.getLogger("smarttree.http")

LOOK_S: Final = 1.0
FILE_BYTES_MAX: Final = 1 << 20
Stamp = tuple[int, int, int, int]


class Followed:
    """`read` takes what the files have now, and raises ConfigError. It is called in a thread, one at a time."""

    def __init__(self, paths: Sequence[str], read: Callable[[], None]) -> None:
        """Reads them. Raises ConfigError."""
        self._paths, self._read = paths, read
        self._seen = self._stamps()
        read()

    def _stamps(self) -> tuple[Stamp | None, ...]:
        return tuple(map(_stamp, self._paths))

    def look(self) -> bool:
        """Read them if they have changed; whether what they say has. Not for the event loop."""
        now = self._stamps()
        if now == self._seen:
            return False
        self._seen = now  # before they are read: what changes meanwhile is read again
        try:
            self._read()
        except ConfigError as error:
            _LOG.warning("%s; nothing is changed", error)
            return False
        _LOG.info("read %s", ", ".join(map(printable, self._paths)))
        return True

    @asynccontextmanager
    async def followed(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """Meanwhile, they are looked at every second."""
        task = asyncio.create_task(self._follow(changed))
        try:
            yield
        finally:
            task.cancel()

    async def _follow(self, changed: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(self.look):
                changed()


def read_file(path: str, what: str) -> str:
    """All of a file, which is `what`. Raises ConfigError."""
    shown = f"the {what} {printable(path)}"
    try:
        with open(path, "rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise ConfigError(f"{shown} has more than {FILE_BYTES_MAX >> 20} MiB")
        return data.decode()
    except OSError as error:
        raise ConfigError(f"cannot read {shown}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown} is no text") from error


def _stamp(path: str) -> Stamp | None:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
