"""How far the first scan is: a moving line on a terminal, a log line every two seconds otherwise.

How much there is to scan is not known before its end, so it tells counts, speed and time, never a percentage.
It reads no clock: each report brings the seconds since the start.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_log = logging.getLogger(__name__)
_LOG_EVERY_S: Final = 2.0


class ScanProgress:
    """Reports of one scan, from one thread. `terminal` None asks standard error what it is; `quiet` shows nothing."""

    def __init__(self, *, terminal: bool | None = None, quiet: bool = False) -> None:
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._quiet = quiet
        self._logged_s = 0.0
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def update(self, entries: int, dirs: int, seconds: float) -> None:
        """So many entries and directories have been read, `seconds` after the start. Cheap: call it often."""
        if self._quiet:
            return
        if self._terminal:
            self._draw(_counts(entries, dirs, seconds))
        elif seconds - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = seconds
            _log.info("scanning: %s", _counts(entries, dirs, seconds))

    def finish(self, entries: int, dirs: int, seconds: float) -> None:
        """The scan is done. Takes the moving line away and logs the outcome."""
        self.close()
        _log.info("scanned %s", _counts(entries, dirs, seconds))

    def close(self) -> None:
        """Takes the moving line away, also when the scan failed or was given up. May be called again."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self, text: str) -> None:
        if self._bar is None or self._task is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

            columns = (SpinnerColumn(), BarColumn(bar_width=20), TextColumn("scanning: {task.description}"))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)
            self._task = self._bar.add_task(text, total=None)
            self._bar.start()
        self._bar.update(self._task, description=text)


def _counts(entries: int, dirs: int, seconds: float) -> str:
    speed = f", {entries / seconds:,.0f} a second" if seconds >= 0.1 else ""
    return f"{entries:,} entries in {dirs:,} directories in {seconds:.1f} s{speed}"
