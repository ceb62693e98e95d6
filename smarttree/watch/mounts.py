"""The kernel's table of mounts, as far as it concerns some roots: which there are, and at which points it has changed.

The kernel says by poll(2) that the table has changed, at once and to each open descriptor on its own; so one is for a
thread that waits, and one to ask.
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Iterator, Sequence
from typing import NamedTuple

TABLE = "/proc/self/mountinfo"
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of the table. `number` is used again when the mount has gone; `of` is what of which device is there;
    `kind` is the file system's type, as in mount(8).
    """

    point: bytes
    number: bytes
    of: bytes
    kind: str


def is_below(path: bytes, top: bytes) -> bool:
    """Whether `path` is `top`, or is in it."""
    return path == top or path.startswith(top.rstrip(b"/") + b"/")


def parse(table: bytes) -> Iterator[Mount]:
    """The lines of proc_pid_mountinfo(5)."""
    for line in table.splitlines():
        fields = line.split(b" ")
        kind = fields[fields.index(b"-", 6) + 1]  # a variable number of optional fields ends there
        point = _ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), fields[4])
        yield Mount(point, fields[0], fields[2] + b" " + fields[3], kind.decode("ascii", "replace"))


class Mounts:
    """The mounts at, below and above `roots`. `fd` shows POLLPRI once after each change of the table."""

    def __init__(self, roots: Sequence[bytes]) -> None:
        """Raises OSError where there is no such table."""
        self._roots = roots
        self._asked = os.open(TABLE, os.O_RDONLY | os.O_CLOEXEC)
        self.fd = os.open(TABLE, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._asked, select.POLLPRI)
        self._mounts = self._read()

    @property
    def points(self) -> set[bytes]:
        """Where something is mounted on a root, or below one."""
        return {mount.point for mount in self._mounts if any(is_below(mount.point, root) for root in self._roots)}

    def follow(self, roots: Sequence[bytes]) -> None:
        """These are the roots from now on. What has changed below others, and was not asked for, is kept."""
        before, self._roots = self._roots, roots
        known = {mount for mount in self._mounts if self._concerns_any(mount, roots)}
        new = {mount for mount in self._read() if not self._concerns_any(mount, before)}
        self._mounts = frozenset(known | new)

    def has_changed(self) -> bool:
        """Whether the table has changed since this was asked last."""
        return bool(self._poll.poll(0))

    def renew(self) -> set[bytes]:
        """Read the table; the points at which something else is mounted now, or nothing."""
        before, self._mounts = self._mounts, self._read()
        return {mount.point for mount in before ^ self._mounts}

    def _read(self) -> frozenset[Mount]:
        with open(TABLE, "rb") as table:
            found = parse(table.read())
            return frozenset(mount for mount in found if self._concerns_any(mount, self._roots))

    def _concerns_any(self, mount: Mount, roots: Sequence[bytes]) -> bool:
        return any(is_below(mount.point, root) or is_below(root, mount.point) for root in roots)

    def close(self) -> None:
        os.close(self._asked)
        os.close(self.fd)
