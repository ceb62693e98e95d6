"""`st --version`: one line that says what is in use, so that a report of a fault says it too. Nothing is guessed:
what is missing is called missing.
"""

from __future__ import annotations

import importlib.util
import platform
import sys
from importlib import metadata
from typing import Final

from smarttree import __version__
from smarttree.wire import PROTOCOL_VERSION

_KERNELS: Final = ("_tree", "_qtn", "_delta", *(("_scan", "_watch") if sys.platform == "linux" else ()))
_OWN: Final = ("scan statx", "watch fanotify or inotify")  # what disk.choose and watch.choose choose
_PORTABLE: Final = ("scan portable", "watch watchdog")
_LIBRARIES: Final = ("aiohttp", "numpy", "xxhash", "zstandard")


def version_line() -> str:
    """Loads nothing but the packages' own records."""
    parts = [
        f"protocol {PROTOCOL_VERSION}",
        f"Python {platform.python_version()}",
        f"{platform.system()} {platform.release()}",
        *(_OWN if sys.platform == "linux" else _PORTABLE),
        _kernels(),
        *(f"{name} {_installed(name)}" for name in _LIBRARIES),
    ]
    return f"smarttree {__version__} ({', '.join(parts)})"


def _kernels() -> str:
    missing = [name for name in _KERNELS if not _found(name)]
    return f"kernels missing: {' '.join(missing)}" if missing else "kernels compiled"


def _found(name: str) -> bool:
    return importlib.util.find_spec(f"smarttree.{name}") is not None


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
