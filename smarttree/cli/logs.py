"""Logging to standard error: one line an event, whatever is in the message; text for people, or JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

from smarttree.config import LogConfig

TEXT: Final = "text"
JSON: Final = "json"
FORMATS: Final = (TEXT, JSON)

_LEVELS: Final = {-1: logging.WARNING, 0: logging.INFO, 1: logging.DEBUG}
_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"


class _Line(logging.Formatter):
    """A message with line ends in it stays one line. Only a bug's traceback, which comes after it, may take more."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record).replace("\n", "\\n").replace("\r", "\\r")


class _Json(logging.Formatter):
    """One object a line, a bug's traceback in it. `fields` of a record, where it has some, are fields of the object."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told)  # ASCII: bytes of a name that are no UTF-8 can't break it


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


def start_logging(config: LogConfig) -> None:
    """-1 logs warnings and errors, 0 what happens, 1 everything. Calling it again replaces what it set before."""
    handler = _StandardError()
    handler.setFormatter(_Json() if config.format == JSON else _Line(_FORMAT))
    root = logging.getLogger()
    for old in _ours():
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("smarttree").setLevel(_LEVELS[config.verbosity])


def _ours() -> list[logging.Handler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, _StandardError)]


def tell_end(message: str) -> None:
    """A person's own mistake, or what ended the command: one line, as JSON where the log is."""
    if any(isinstance(handler.formatter, _Json) for handler in _ours()):
        logging.getLogger("smarttree.cli").critical("%s", message)
    else:
        print(f"st: {message}", file=sys.stderr)
