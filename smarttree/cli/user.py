"""Who the server is: with `--user`, another user without any capability, for good, from before it reads anything.

Law: what must be root's is done before (ports, a directory for the state, a group of fanotify and who marks for it),
and all that follows is done as the user: so what it may not read is said at the start, not when a key is renewed.
"""

from __future__ import annotations

import logging
import os
import subprocess  # nosec B404  # of this very program, with arguments of ours
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import smarttree
from smarttree import watch
from smarttree.admission import refusal, require_readable
from smarttree.config import Account, ServiceConfig
from smarttree.errors import ConfigError

if TYPE_CHECKING:
    from smarttree.watch import Group

_LOG: Final = logging.getLogger(__name__)

_END_S: Final = 5.0


@dataclass(slots=True)
class Watching:
    """What was opened when it was permitted: a group of fanotify, and the process that marks for it."""

    group: Group | None = None
    marker: subprocess.Popen[bytes] | None = None
    is_over: bool = False

    def look_after(self) -> None:
        """Once there may be threads: say it when the process ends that marks, and leave no zombie of it."""
        if self.marker is not None:
            threading.Thread(target=self._await_its_end, args=(self.marker,), name="marker", daemon=True).start()

    def _await_its_end(self, marker: subprocess.Popen[bytes]) -> None:
        marker.wait()
        if self.group is not None and self.group.fd >= 0 and not self.is_over:
            _LOG.warning("process %d has ended: file systems that are mounted from now on are polled", marker.pid)

    def end(self) -> None:
        self.is_over = True
        if self.group is not None:
            self.group.close()
        if self.marker is not None:
            self.marker.wait(_END_S)


def become(config: ServiceConfig, user: Account | None) -> Watching:
    """Be that user. Raises ConfigError where that can't be, and PathError where a root can't be read by it."""
    is_root = sys.platform != "win32" and os.geteuid() == 0
    if user is None:
        if is_root:
            _LOG.warning("running as root, with all of its rights: --user NAME gives them up once the ports are open")
        return Watching()
    if not is_root and (os.geteuid(), os.getegid()) != (user.uid, user.gid):
        raise ConfigError(f"only root can become another user: leave --user {user.name} out, or start it as root")
    if is_root and config.state is not None:
        _make_for(user, config.state.directory)
    watching = _prepare(config, user)
    from smarttree import rights

    try:
        rights.give_up(user.uid, user.gid, user.groups)
    except OSError as error:
        raise ConfigError(f"rights can't be given up (--user {user.name}): {error.strerror}") from error
    _require_readable(config, user)
    kept = f"; process {watching.marker.pid} marks file systems for fanotify" if watching.marker is not None else ""
    _LOG.info("running as %s, with no capability%s", user.name, kept)
    watching.look_after()
    return watching


def _make_for(user: Account, directory: bytes) -> None:
    """Where nobody but root could put something in its place; else the user makes it, or is told why not."""
    above, name = os.path.split(directory)
    try:
        fd = os.open(above, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        about = os.fstat(fd)
        if about.st_uid == 0 and not about.st_mode & 0o022 and not os.path.lexists(directory):
            os.mkdir(name, 0o700, dir_fd=fd)
            os.chown(name, user.uid, user.gid, dir_fd=fd, follow_symlinks=False)
    except OSError as error:
        _LOG.debug("no directory for the state was made: %s", error)
    finally:
        os.close(fd)


def _prepare(config: ServiceConfig, user: Account) -> Watching:
    """For fanotify, where that may be wanted and is permitted."""
    if config.watcher not in (watch.AUTO, "fanotify"):
        return Watching()
    from smarttree._fanotify import Fanotify
    from smarttree.watch import marker

    try:
        group = Fanotify()
    except OSError as error:
        _LOG.debug("no group of fanotify: %s", error)
        return Watching()
    try:
        channel, process = marker.start(user, group.fd, [*config.roots, *config.watch_bases])
    except OSError as error:
        group.close()
        _LOG.warning("watching without fanotify: the process that would mark file systems can't be had (%s)", error)
        return Watching()
    group.let_mark(channel.detach())
    return Watching(group, process)


def _require_readable(config: ServiceConfig, user: Account) -> None:
    for path in (Path(smarttree.__file__).parent, Path(os.__file__).parent):
        try:
            require_readable(os.fsencode(path))
        except OSError as error:
            raise ConfigError(f"{user.name} may not read {path}, where the program is installed: {error}") from error
    for root in (*config.roots, *config.watch_bases):
        try:
            require_readable(root)
        except OSError as error:
            raise refusal(root, error) from error
