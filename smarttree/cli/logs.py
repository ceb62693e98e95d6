"""Logging to standard error: plain text, one line an event, whatever is in the message."""

from __future__ import annotations

import logging
import sys
from typing import Final, TextIO

_LEVELS: Final = {-1: logging.WARNING, 0: logging.INFO, 1: logging.DEBUG}
_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"


class _Line(logging.Formatter):
    """A message with line ends in it stays one line. Only a bug's traceback, which comes after it, may take more."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).replace("\n", "\\n").replace("\r", "\\r")


class _StandardError(logging.StreamHandler[TextIO]):
    """Looks `sys.stderr` up anew for each line: a progress bar replaces it while it is drawn."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _value: TextIO) -> None:
        raise AttributeError("this handler always writes to sys.stderr")


def start_logging(verbosity: int) -> None:
    """-1 logs warnings and errors, 0 what happens, 1 everything. Calling it again replaces what it set before."""
    handler = _StandardError()
    handler.setFormatter(_Line(_FORMAT))
    root = logging.getLogger()
    for old in [h for h in root.handlers if isinstance(h, _StandardError)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("smarttree").setLevel(_LEVELS[verbosity])
