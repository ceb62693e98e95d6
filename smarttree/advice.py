"""Advice: what an error of the system means to whoever serves a directory, and what to do about it."""

from __future__ import annotations

import errno
import os

from smarttree.errors import PathError, SmarttreeError, SystemLimit, Unreadable


def explain(error: OSError, roots: bytes) -> SmarttreeError:
    """What an error of the system means to the person who serves `roots`, and what to do about it."""
    where = os.fsdecode(roots)
    if error.errno == errno.ENOSPC:
        limit = "/proc/sys/fs/inotify/max_user_watches"
        return SystemLimit(
            f"the system's limit on inotify watches is reached while watching {where}; raise it (now: {_read(limit)}), "
            "for example with: sudo sysctl fs.inotify.max_user_watches=1048576"
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return SystemLimit(
            f"too many open files or inotify instances ({error.strerror}); raise them with `ulimit -n` or "
            "sudo sysctl fs.inotify.max_user_instances=1024"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unreadable(f"can't read {where}: {error.strerror}; run as a user who may, or serve another path")
    return PathError(f"can't serve {where}: {error.strerror}")


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "unknown"
