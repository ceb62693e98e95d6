"""Advice: what an error of the system means to whoever serves a directory, and what to do about it."""

from __future__ import annotations

import errno
import logging
import os

from smarttree.errors import PathError, SmarttreeError, SystemLimit, Unreadable
from smarttree.watch import limits

logger = logging.getLogger(__name__)


class EngineFailure(SmarttreeError):
    """A defect of ours ended the engine. Nothing is served any more: a feed that stands still must not look alive."""

    code = "engine-failure"


def failure_of(error: Exception, roots: bytes) -> SmarttreeError:
    """What ended the engine, to the person who serves `roots`. What nobody foresaw is logged."""
    if isinstance(error, SmarttreeError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return explain(error, roots)
    logger.error("the engine failed; this is a defect in smarttree", exc_info=error)
    return EngineFailure(f"a defect ended the engine ({error!r}); please report it with the log")


def explain(error: OSError, roots: bytes) -> SmarttreeError:
    """What an error of the system means to the person who serves `roots`, and what to do about it."""
    where = os.fsdecode(roots)
    if error.errno == errno.ENOSPC:
        setting, value = limits.lowest(limits.WATCHES)
        return SystemLimit(
            f"the system's limit on inotify watches is reached while watching {where}; raise it (now: {value}), "
            f"for example with: {limits.raise_now(setting, 1_048_576)}"
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return SystemLimit(
            f"too many open files or inotify instances ({error.strerror}); raise them with `ulimit -n` or "
            "sudo sysctl fs.inotify.max_user_instances=1024"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unreadable(f"can't read {where}: {error.strerror}; run as a user who may, or serve another path")
    return PathError(f"can't serve {where}: {error.strerror}")
