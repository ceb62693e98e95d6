"""The keyring: the tokens that are good now, from the settings and from a file that may change while the server runs.

Law: a file that can't be read, or has a mistake in it, changes nothing, and that is said; at the start it is an error.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from smarttree.errors import ConfigError
from smarttree.http.tokens import Tokens, one_for_all, parse
from smarttree.printable import printable

_LOG = logging.getLogger("smarttree.http")

LOOK_S: Final = 1.0
FILE_BYTES_MAX: Final = 1 << 20
Stamp = tuple[int, int, int, int]


class Keyring:
    """`tokens` are those of now."""

    def __init__(self, token: str | None, file: str | None, *, look_s: float = LOOK_S) -> None:
        """Raises ConfigError."""
        self._given = [one_for_all(token)] if token is not None else []
        self._file, self._look_s = file, look_s
        self._seen: Stamp | None = None
        self.tokens = Tokens(self._given)
        if file is not None:
            self._read(file)
            if not self.tokens:
                raise ConfigError(f"{printable(file)} has no token in it, so nobody could read anything")

    def _read(self, file: str) -> None:
        """Raises ConfigError."""
        shown = printable(file)
        try:
            with open(file, "rb") as opened:
                self._seen = _stamp(os.fstat(opened.fileno()))
                data = opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise ConfigError(f"cannot read the token file {shown}: {error.strerror}") from error
        if len(data) > FILE_BYTES_MAX:
            raise ConfigError(f"the token file {shown} has more than {FILE_BYTES_MAX >> 20} MiB")
        try:
            self.tokens = Tokens([*self._given, *parse(data.decode())])
        except ValueError as error:
            raise ConfigError(f"{shown}: {error}") from error

    def look(self) -> bool:
        """Read the file again if it is another one; whether the tokens are. Not for the event loop."""
        if self._file is None:
            return False
        try:
            if _stamp(os.stat(self._file)) == self._seen:
                return False
            self._read(self._file)
        except OSError as error:
            if self._seen is not None:
                _LOG.warning("the token file %s: %s; its tokens stay good", printable(self._file), error.strerror)
            self._seen = None
            return False
        except ConfigError as error:
            _LOG.warning("%s; the tokens stay as they were", error)
            return False
        _LOG.info("read the token file %s", printable(self._file))
        return True

    @asynccontextmanager
    async def followed(self, changed: Callable[[], None]) -> AsyncIterator[None]:
        """Meanwhile, the file is looked at every second."""
        task = asyncio.create_task(self._follow(changed)) if self._file is not None else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()

    async def _follow(self, changed: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            if await asyncio.to_thread(self.look):
                changed()


def _stamp(stat: os.stat_result) -> Stamp:
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
