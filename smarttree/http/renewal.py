"""A certificate that is renewed while the server runs: obtained, kept, and swapped under live connections.

Law: what goes wrong is said and tried again, later and later, and never ends the server; what is there is used as long
as it is good. One process at a time renews what is in a directory; others use what it keeps there.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import random
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from smarttree.errors import CertificateRefused, ConfigError
from smarttree.http.authority import Authority
from smarttree.http.certificate import local_certificate
from smarttree.http.tls import Tls

_LOG = logging.getLogger("smarttree.http")

FIRST_RETRY_S: Final = 60.0
LAST_RETRY_S: Final = 6 * 3600.0
LOOK_MIN_S: Final = 1.0
T = TypeVar("T")


class Renewal:
    """Of one authority's certificate. `tls` has it, or one that nobody has signed until there is one."""

    def __init__(
        self, authority: Authority, directory: Path, tls: Tls, *, first_retry_s: float = FIRST_RETRY_S
    ) -> None:
        """Raises ConfigError where the directory can't be used."""
        self._authority, self._tls, self._first_retry_s = authority, tls, first_retry_s
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            certificate, key, _ = local_certificate(directory)
        except OSError as error:
            raise ConfigError(f"certificates can't be kept in {directory}: {error.strerror}") from error
        tls.load(str(certificate), str(key))
        self._seen: tuple[int, int] | None = None
        self._take_up()

    def _take_up(self) -> None:
        """Use what is kept, if it is another one than last time."""
        path = self._authority.path
        try:
            stat = path.stat()
            if (stat.st_ino, stat.st_mtime_ns) != self._seen:
                self._tls.load(str(path), str(path))
                self._seen = (stat.st_ino, stat.st_mtime_ns)
                _LOG.info("using the certificate in %s", path)
        except FileNotFoundError:
            pass
        except (OSError, ConfigError) as error:
            _LOG.warning("the certificate that was kept is of no use: %s", error)

    def _turn(self) -> float:
        """Renew if it is time, and use what is there; after how long to look again. Raises CertificateRefused."""
        now = datetime.now(UTC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._take_up()
            return self._first_retry_s  # another process renews it
        due, again = self._authority.is_due(now)
        if due:
            self._authority.obtain()
            due, again = self._authority.is_due(datetime.now(UTC))
        self._take_up()
        return max(LOOK_MIN_S, (again - datetime.now(UTC)).total_seconds())

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Meanwhile, it is renewed in time."""
        task = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            task.cancel()
            os.close(self._lock)

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                wait_s, failures = await _in_thread(self._turn), 0
            except Exception as error:  # noqa: BLE001 - an authority may answer anything, and renewal must not end unheard
                spread = random.uniform(0.75, 1.25)  # nosec B311  # no secret
                wait_s = min(LAST_RETRY_S, self._first_retry_s * 2**failures) * spread
                wait_s = max(wait_s, error.wait_s if isinstance(error, CertificateRefused) else 0.0)
                failures = min(failures + 1, 16)
                why = error if isinstance(error, CertificateRefused) else f"renewing the certificate failed: {error!r}"
                _LOG.warning("%s; trying again in %.1f s", why, wait_s)
            await asyncio.sleep(wait_s)


async def _in_thread(work: Callable[[], T]) -> T:
    """What may take minutes shall not keep the process from ending: asyncio would wait for its own threads."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - told to who waits
            failure = error
        try:
            loop.call_soon_threadsafe(settle, result, failure)
        except RuntimeError:  # the loop has ended
            return

    threading.Thread(target=run, name="certificates", daemon=True).start()
    return await done
